//! What the hooks do not tell of a task, debug info does: the cells "named" and "await point" of the README's table.

use super::*;
use taskleak::Liveness;
use tokio::sync::Notify;

const DECLARED: u32 = line!() + 1;
async fn listen(door: Arc<Notify>) {
    knock(&door).await;
}

async fn knock(door: &Notify) {
    door.notified().await;
}

#[test]
fn a_task_is_named_with_where_it_is_declared_and_what_it_awaits() {
    let line = line!() + 3;
    for report in reports(|| async {
        let door = Arc::new(Notify::new());
        tokio::spawn(listen(door.clone()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::mem::forget(door);
    }) {
        let report = report.expect("it leaks");
        assert_named(&report, "1 task");
        let seen = report.split_once("\nleak: ").unwrap().1;
        let lines: Vec<&str> = seen.lines().map(str::trim_start).collect();
        let has = |wanted: &str| {
            let is_there = lines.iter().any(|line| line.starts_with(wanted));
            assert!(is_there, "no line begins with {wanted:?} in\n{report}");
        };
        has("`hooked::by_the_census::listen`");
        has(&format!("--> tests/hooked/by_the_census.rs:{line}:"));
        has(&format!(
            "= declared: tests/hooked/by_the_census.rs:{DECLARED}"
        ));
        has("= state: parked, alive for");
        has("= waits in:");
        let at = |name: &str, line: u32| {
            let line = format!("tests/hooked/by_the_census.rs:{line}");
            let is_there = lines
                .iter()
                .any(|seen| seen.starts_with(name) && seen.ends_with(&line));
            assert!(is_there, "{name} does not wait at {line} in\n{report}");
        };
        at("hooked::by_the_census::listen ", DECLARED + 1);
        at("hooked::by_the_census::knock ", DECLARED + 5);
        has("tokio::sync::Notified");
        has("= spawn backtrace:");
    }
}

#[test]
fn one_that_is_let_in_is_gone() {
    assert_clean(|| async {
        let door = Arc::new(Notify::new());
        tokio::spawn(listen(door.clone()));
        tokio::time::sleep(Duration::from_millis(5)).await;
        door.notify_one();
    });
}

/// Of two kinds that are spawned at one place, each is told.
#[test]
fn tasks_of_one_spawn_site_are_told_apart() {
    for report in reports(|| async {
        fn start(future: impl Future<Output = ()> + Send + 'static) {
            tokio::spawn(future);
        }
        let door = Arc::new(Notify::new());
        for _ in 0..3 {
            start(listen(door.clone()));
        }
        start(pending());
        tokio::time::sleep(Duration::from_millis(5)).await;
        std::mem::forget(door);
    }) {
        let report = report.expect("all leak");
        assert_named(&report, "4 tasks");
        let many = "leak 1 of 2: 3 tasks `hooked::by_the_census::listen`\n";
        let one = "leak 2 of 2: `core::future::pending::Pending`\n";
        assert!(report.contains(many) && report.contains(one), "{report}");
    }
}

#[test]
fn one_that_nobody_can_wake_is_proved_so() {
    let left = |door: Option<Arc<Notify>>| {
        let guard = verify_none().grace(Duration::ZERO);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let report = runtime.block_on(async {
            match door {
                Some(door) => drop(tokio::spawn(listen(door))),
                None => drop(tokio::spawn(pending::<()>())),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            find(Options::new().grace(GRACE)).unwrap_err()
        });
        drop(runtime);
        guard.finish_blocking();
        report.leaks()[0].liveness()
    };
    assert_eq!(left(None), Liveness::Orphan);
    assert_eq!(left(Some(Arc::default())), Liveness::Wakeable);
}

/// As for tasks that nobody saw spawned: the name is known at the verdict.
#[test]
fn rules_hold_for_its_name() {
    let ignoring = |glob: &str| {
        let harness = Harness::new("crate::test").grace(GRACE).ignore(glob);
        report_of(|| {
            harness.multi_thread().run(async {
                tokio::spawn(listen(Arc::default()));
            });
        })
    };
    assert_eq!(ignoring("hooked::by_the_census::lis*"), None);
    assert_eq!(
        ignoring("task spawned at */hooked/by_the_census.rs:*"),
        None
    );
    assert_named(&ignoring("hooked::a_plain_spawn::*").unwrap(), "1 task");
    let report = report_of(|| {
        let guard = verify_none().grace(GRACE);
        let guard = guard.ignore_if(|task| task.declared().is_some());
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            tokio::spawn(listen(Arc::default()));
            guard.finish().await;
        });
    });
    assert_eq!(report, None);
}

/// On a runtime that several tests share, and outside of it, there is only what the hooks tell; the report says why.
#[test]
fn what_is_out_of_reach_is_named_by_its_place() {
    let shared = thread::spawn(|| Runtime::new().unwrap()).join().unwrap();
    let left = |ends_inside: bool| {
        report_of(|| {
            let mut guard = Some(verify_none().grace(GRACE));
            shared.block_on(async {
                tokio::spawn(pending::<()>());
                if ends_inside && let Some(guard) = guard.take() {
                    guard.finish().await;
                }
            });
            if let Some(guard) = guard {
                guard.finish_blocking();
            }
        })
    };
    let outside = left(false).expect("it leaks");
    assert!(
        outside.contains("`task spawned at tests/hooked/by_the_census.rs:"),
        "{outside}"
    );
    let why = "have no names here: their runtime is not the test's own";
    assert!(outside.contains(why), "{outside}");
    let inside = left(true).expect("it leaks");
    assert!(
        inside.contains("`core::future::pending::Pending`"),
        "{inside}"
    );
    assert!(!inside.contains("note:"), "{inside}");
}
