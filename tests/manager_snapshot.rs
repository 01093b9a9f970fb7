//! `taskleak::manager().snapshot()`: what it holds, and what it counts.
//!
//! One process, one manager: each test has names of its own.

use pretty_assertions::assert_eq;
use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use taskleak::TaskKind;
use taskleak::manager::{Counts, Observer, Snapshot, Status, TaskRecord};
use taskleak::task::{Builder, JoinSet, OperationId};
use tokio::task::yield_now;

fn snapshot() -> Snapshot {
    taskleak::manager().snapshot()
}

fn counts(name: &str) -> Counts {
    snapshot()
        .name(name)
        .map(|name| name.counts())
        .unwrap_or_default()
}

/// Until the runtime has dropped the future of a task that ended: it may be a little after the join.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_live_task_is_there_with_all_that_is_known() {
    let before = SystemTime::now() - Duration::from_secs(1);
    let task = Builder::new()
        .name("known")
        .data("subnet", 17)
        .data("subnet", 18)
        .timebox(Duration::from_secs(3600))
        .spawn(pending::<()>());
    let here = line!() - 1;
    let snapshot = snapshot();
    let record = snapshot.tasks_named("known").next().unwrap();
    assert_eq!(
        record.data().collect::<Vec<_>>(),
        [("subnet", "17"), ("subnet", "18")]
    );
    assert_eq!(record.data_value("subnet"), Some("17"));
    assert_eq!(record.location().line(), here);
    assert_eq!(record.kind(), TaskKind::Task);
    assert_eq!(record.status(), Status::Created);
    assert_eq!(record.timebox(), Some(Duration::from_secs(3600)));
    assert_eq!(record.parent(), None);
    assert_eq!(record.ended_at(), None);
    assert!(record.frames().is_empty(), "no backtraces by default");
    assert!((before..=SystemTime::now()).contains(&record.created_at()));
    assert!(snapshot.total() >= 1);
    task.abort();
}

#[tokio::test]
async fn each_task_says_how_many_have_its_name() {
    // However they came by the name: from the source, made at run time, or by their function.
    async fn namesake() {
        pending().await
    }
    let mut tasks = JoinSet::new();
    let one = Builder::new().name("namesake").spawn(pending::<()>());
    Builder::new()
        .name("namesake")
        .spawn_into(&mut tasks, pending::<()>());
    for _ in 0..3 {
        Builder::new()
            .name(String::from("namesake"))
            .spawn_into(&mut tasks, pending::<()>());
    }
    Builder::new().spawn_into(&mut tasks, namesake());
    let before = snapshot();
    let said = |snapshot: &Snapshot, name| {
        let tasks = snapshot.tasks_named(name);
        let said: Vec<_> = tasks.map(|task| task.live_of_same_name()).collect();
        let count = said.len();
        assert_eq!(count, snapshot.live(name));
        assert!(said.iter().all(|one| *one == Some(count)), "{said:?}");
        count
    };
    assert_eq!(said(&before, "namesake"), 5);
    assert_eq!(
        said(
            &before,
            concat!(
                module_path!(),
                "::each_task_says_how_many_have_its_name::namesake"
            )
        ),
        1
    );
    let debug = format!("{:?}", before.tasks_named("namesake").next().unwrap());
    assert!(debug.contains("live_of_same_name: Some(5)"), "{debug}");
    one.abort();
    until(|| snapshot().live("namesake") == 4).await;
    assert_eq!(said(&snapshot(), "namesake"), 4);
    // What was read stays as it was.
    assert_eq!(said(&before, "namesake"), 5);
}

/// Those that observers are told of one by one were read alone; those of a snapshot were not.
#[tokio::test]
async fn an_observer_is_told_the_number_with_snapshots_alone() {
    #[derive(Default)]
    struct Told(Mutex<Vec<(&'static str, Option<usize>)>>);

    impl Told {
        fn note(&self, what: &'static str, task: &TaskRecord) {
            if task.name() == "told alone" {
                let told = (what, task.live_of_same_name());
                self.0.lock().unwrap().push(told);
            }
        }
    }

    impl Observer for Told {
        fn task_started(&self, task: &TaskRecord) {
            self.note("started", task);
        }

        fn task_finished(&self, task: &TaskRecord) {
            self.note("finished", task);
        }

        fn timebox_exceeded(&self, task: &TaskRecord) {
            self.note("over time", task);
        }

        fn snapshot_taken(&self, snapshot: &Snapshot) {
            for task in snapshot.tasks() {
                self.note("snapshot", task);
            }
        }
    }

    let told = Arc::new(Told::default());
    let observing = taskleak::manager().add_observer(told.clone());
    let task = Builder::new()
        .name("told alone")
        .timebox(Duration::from_millis(1))
        .spawn(pending::<()>());
    until(|| {
        snapshot()
            .over_time()
            .any(|task| task.name() == "told alone")
    })
    .await;
    assert!(observing.flush(Duration::from_secs(60)));
    taskleak::manager().monitor().take_now();
    task.abort();
    until(|| snapshot().live("told alone") == 0).await;
    assert!(observing.flush(Duration::from_secs(60)));
    assert_eq!(
        *told.0.lock().unwrap(),
        [
            ("started", None),
            ("over time", None),
            ("snapshot", Some(1)),
            ("finished", None)
        ]
    );
}

#[tokio::test]
async fn each_end_is_counted_as_what_it_was() {
    let spawn = |name| Builder::new().name(name);
    spawn("end finished").spawn(async {}).await.unwrap();
    spawn("end panicked")
        .spawn(async { panic!("planned") })
        .await
        .unwrap_err();
    let aborted = spawn("end aborted").spawn(pending::<()>());
    yield_now().await;
    aborted.abort();
    aborted.await.unwrap_err();
    let blocking = spawn("end blocking").spawn_blocking(|| panic!("planned"));
    blocking.await.unwrap_err();
    until(|| counts("end blocking").ended() == 1).await;
    let ends = |name| {
        let counts = counts(name);
        let ends = [
            counts.finished,
            counts.panicked,
            counts.aborted,
            counts.shut_down,
        ];
        (counts.started, ends)
    };
    assert_eq!(ends("end finished"), (1, [1, 0, 0, 0]));
    assert_eq!(ends("end panicked"), (1, [0, 1, 0, 0]));
    assert_eq!(ends("end aborted"), (1, [0, 0, 1, 0]));
    assert_eq!(ends("end blocking"), (1, [0, 1, 0, 0]));
}

#[test]
fn tasks_of_a_runtime_that_is_shut_down_are_counted_as_that() {
    for (name, runtime) in [
        (
            "killed here",
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        ),
        (
            "killed there",
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .build()
                .unwrap(),
        ),
    ] {
        for _ in 0..10 {
            Builder::new()
                .name(name)
                .spawn_on(pending::<()>(), runtime.handle());
        }
        let aborted = Builder::new()
            .name(name)
            .spawn_on(pending::<()>(), runtime.handle());
        aborted.abort();
        runtime.block_on(aborted).unwrap_err();
        drop(runtime);
        let counts = counts(name);
        assert_eq!(
            (counts.started, counts.shut_down, counts.aborted),
            (11, 10, 1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_name_stays_with_zero_tasks() {
    for (name, fixed) in [("fixed zero", true), ("made zero", false)] {
        assert!(snapshot().name(name).is_none());
        let builder = if fixed {
            Builder::new().name(name)
        } else {
            Builder::new().name(name.to_owned())
        };
        builder.spawn(async {}).await.unwrap();
        let snapshot = snapshot();
        let known = snapshot.name(name).unwrap();
        assert_eq!(
            (known.live(), known.oldest(), known.counts().started),
            (0, None, 1)
        );
    }
}

#[tokio::test]
async fn one_name_from_several_places_is_one_name() {
    let tasks = [
        Builder::new().name("several places").spawn(pending::<()>()),
        Builder::new().name("several places").spawn(pending::<()>()),
        Builder::new()
            .name("several places".to_owned())
            .spawn(pending::<()>()),
    ];
    let snapshot = snapshot();
    assert_eq!(snapshot.live("several places"), 3);
    assert_eq!(snapshot.name("several places").unwrap().counts().started, 3);
    // Two are spawned alike, in one column; those of one age come in any order.
    let fingerprints: HashSet<_> = snapshot
        .tasks_named("several places")
        .map(|task| task.fingerprint())
        .collect();
    assert_eq!(fingerprints.len(), 2);
    tasks.iter().for_each(|task| task.abort());
}

async fn watch_the_pot() {
    pending().await
}

#[tokio::test]
async fn a_task_without_a_name_is_called_after_its_function() {
    let task = taskleak::spawn(watch_the_pot());
    let snapshot = snapshot();
    let names: Vec<_> = snapshot.names().iter().map(|name| name.name()).collect();
    assert!(names.is_sorted());
    assert!(
        names.iter().any(|name| name.ends_with("watch_the_pot")),
        "{names:?}"
    );
    task.abort();
}

#[tokio::test]
async fn odd_names_and_data_are_kept_as_they_are() {
    let odd = "a \"quoted\"\nname \\ with \u{1F980} and \0";
    let task = Builder::new()
        .name(odd)
        .data("a\nkey", "a \"value\"\r\n\\")
        .spawn(pending::<()>());
    let base = snapshot();
    let record = base.tasks_named(odd).next().unwrap();
    assert_eq!(record.data_value("a\nkey"), Some("a \"value\"\r\n\\"));
    assert_eq!(base.live(odd), 1);
    task.abort();
    let _ = task.await;
    let diff = snapshot().diff(&base).to_string();
    assert!(
        diff.contains(r#"a "quoted"\nname \ with 🦀 and \u{0}"#),
        "{diff}"
    );
}

#[tokio::test]
async fn a_task_knows_its_operation_and_its_originators() {
    let outer = Builder::new().name("op outer").spawn(async {
        let own = OperationId::current().unwrap();
        let inner = Builder::new()
            .name("op inner")
            .spawn(async { (OperationId::current().unwrap(), OperationId::originator()) });
        let (of_inner, originator) = inner.await.unwrap();
        assert_eq!(originator, Some(own));
        assert_ne!(of_inner, own);
        let child = Builder::new().name("op child").spawn(pending::<()>());
        let snapshot = taskleak::manager().snapshot();
        let record = snapshot.tasks_named("op child").next().unwrap();
        assert_eq!(record.originator(), Some(own));
        assert_ne!(record.operation(), own);
        assert_eq!(record.ancestors()[0].name(), "op outer");
        child.abort();
        OperationId::originator()
    });
    assert_eq!(outer.await.unwrap(), None);
    assert_eq!(OperationId::current(), None);
}

#[tokio::test]
async fn a_diff_says_what_grew_and_what_shrank() {
    let spawn = |name| Builder::new().name(name).spawn(pending::<()>());
    let shrinks = [spawn("diff shrinks"), spawn("diff shrinks")];
    let base = snapshot();
    let grows = [
        spawn("diff grows"),
        spawn("diff grows"),
        spawn("diff grows"),
    ];
    for task in shrinks {
        task.abort();
        let _ = task.await;
    }
    Builder::new()
        .name("diff passes")
        .spawn(async {})
        .await
        .unwrap();
    let later = snapshot();
    let diff = later.diff(&base);
    let own: Vec<_> = diff
        .names()
        .iter()
        .filter(|name| name.name().starts_with("diff "))
        .map(|name| (name.name(), name.growth(), name.started(), name.ended()))
        .collect();
    let expected = [
        ("diff grows", 3, 3, 0),
        ("diff passes", 0, 1, 1),
        ("diff shrinks", -2, 0, 2),
    ];
    assert_eq!(own, expected);
    let plain = diff.to_string();
    let coloured = diff.coloured().to_string();
    assert!(coloured.contains("\x1b[32m"), "{coloured:?}");
    assert!(coloured.contains("\x1b[31m"), "{coloured:?}");
    assert!(!plain.contains('\x1b'));
    // The other way round, what grew shrank, and no time has passed.
    let back = base.diff(&later);
    assert_eq!(back.between(), Duration::ZERO);
    let grew = back
        .names()
        .iter()
        .find(|name| name.name() == "diff grows")
        .unwrap();
    assert_eq!((grew.growth(), grew.started()), (-3, 0));
    grows.iter().for_each(|task| task.abort());
}

#[cfg(feature = "serde")]
#[tokio::test]
async fn a_snapshot_is_serialized_with_its_tasks() {
    let task = Builder::new()
        .name("json \"task\"\n")
        .data("key", "a \"value\"\n")
        .spawn(pending::<()>());
    let line = line!() - 1;
    let json: serde_json::Value = serde_json::to_value(snapshot()).unwrap();
    let tasks = json["tasks"].as_array().unwrap();
    let record = tasks
        .iter()
        .find(|task| task["name"] == "json \"task\"\n")
        .unwrap();
    assert_eq!(record["status"], "created");
    assert_eq!(record["kind"], "task");
    assert_eq!(record["location"]["line"], line);
    assert_eq!(
        record["data"],
        serde_json::json!([{"key": "key", "value": "a \"value\"\n"}])
    );
    assert_eq!(record["live_of_same_name"], 1);
    assert!(record["age_seconds"].as_f64().unwrap() >= 0.0);
    assert!(json["counts"]["started"].as_u64().unwrap() >= 1);
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traced_snapshot_says_what_each_task_waits_for() {
    let (never, mut nothing) = tokio::sync::mpsc::channel::<()>(1);
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let (says, begun) = tokio::sync::oneshot::channel();
    let waits = Builder::new()
        .name("traced")
        .spawn(async move { nothing.recv().await });
    let holds = Builder::new().name("holds its thread").spawn(async move {
        let _ = says.send(());
        let _ = held.recv();
    });
    begun.await.unwrap();
    until(|| {
        snapshot()
            .tasks_named("traced")
            .any(|task| task.status() == Status::Running)
    })
    .await;
    let snapshot = taskleak::manager()
        .traced_snapshot(Duration::from_millis(500))
        .await;
    let traced = snapshot.tasks_named("traced").next().unwrap();
    let trace = traced.await_trace().unwrap().to_string();
    assert!(trace.contains("recv"), "{trace}");
    let silent = snapshot.tasks_named("holds its thread").next().unwrap();
    assert!(silent.is_silent() && silent.await_trace().is_none());
    let untraced = taskleak::manager().snapshot();
    let untraced = untraced.tasks_named("traced").next().unwrap();
    assert!(untraced.await_trace().is_none());
    assert_eq!(untraced.fingerprint(), traced.fingerprint());
    drop((never, hold));
    waits.await.unwrap();
    holds.await.unwrap();
}
