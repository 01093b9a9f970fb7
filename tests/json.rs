//! Reports and snapshots as JSON say the same in the same way.

mod parked;

use serde_json::Value;
use std::time::Duration;
use taskleak::alloc::SpawnSites;
use taskleak::manager::Status;
use taskleak::{LeakReport, Liveness, Options, OtherHalf, TaskKind, TaskState, TraceSource};
use taskleak::{UnseenState, WaitsFor, find, verify_none};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

#[global_allocator]
static ALLOCATOR: SpawnSites = SpawnSites::system();

async fn listen() {
    Notify::new().notified().await;
}

/// What a file is called without its folders, which reports shorten.
fn without_folders(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(without_folders).collect(),
        Value::Object(pairs) => {
            let pair = |(key, value): (&String, &Value)| match value.as_str() {
                Some(path) if key == "file" => {
                    let name = path.rsplit(['/', '\\']).next();
                    (key.clone(), name.into())
                }
                _ => (key.clone(), without_folders(value)),
            };
            pairs
                .iter()
                .map(pair)
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        value => value.clone(),
    }
}

fn parsed(report: &LeakReport) -> Value {
    serde_json::from_str(&report.to_json()).unwrap()
}

/// The keys of an object that are in another too.
fn shared_keys<'a>(one: &'a Value, other: &Value) -> Vec<&'a str> {
    let keys = one.as_object().unwrap().keys().map(String::as_str);
    keys.filter(|key| other.get(key).is_some()).collect()
}

#[test]
fn a_task_is_written_alike_in_both() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let guard = verify_none().on_leak(taskleak::Action::Warn);
        let parent = taskleak::task::Builder::new().name("parent").spawn(async {
            let child = taskleak::task::Builder::new()
                .name("child")
                .data("key", "value")
                .spawn(listen());
            child.await.unwrap();
        });
        let is_parked = |task: &taskleak::TaskInfo| task.state() == TaskState::Pending;
        while taskleak::live_tasks()
            .iter()
            .filter(|task| is_parked(task))
            .count()
            < 2
        {
            tokio::task::yield_now().await;
        }
        let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
        let report = without_folders(&parsed(&report));
        let snapshot = taskleak::manager()
            .traced_snapshot(Duration::from_secs(60))
            .await;
        let snapshot = without_folders(&serde_json::to_value(snapshot).unwrap());
        let of_child = |list: &Value| {
            let mut tasks = list.as_array().unwrap().iter();
            tasks.find(|task| task["name"] == "child").unwrap().clone()
        };
        let (leak, task) = (of_child(&report["leaks"]), of_child(&snapshot["tasks"]));
        let keys = shared_keys(&leak, &task);
        assert_eq!(
            keys,
            [
                "age_seconds",
                "ancestors",
                "await_trace",
                "data",
                "fingerprint",
                "kind",
                "location",
                "name",
                "polls",
                "state",
                "user_frames"
            ]
        );
        for key in keys.into_iter().filter(|key| *key != "age_seconds") {
            assert_eq!(leak[key], task[key], "{key}");
        }
        assert_eq!(leak["location"]["file"], "json.rs");
        assert_eq!(leak["state"], "pending");
        assert_eq!(leak["ancestors"][0]["location"]["file"], "json.rs");
        assert_eq!(leak["data"][0]["key"], "key");
        assert_eq!(leak["await_trace"]["source"], "poll");
        let listen = &leak["await_trace"]["roots"][0];
        assert_eq!(listen["function"], "json::listen");
        assert!(
            listen["children"][0]["function"]
                .as_str()
                .unwrap()
                .contains("Notified")
        );
        assert!(leak["likely_deadlocked"].is_boolean());
        assert_eq!(snapshot["cut_off"], 0);
        assert!(snapshot["names"][0]["oldest_seconds"].is_number());
        parent.abort();
        guard.finish().await;
    });
}

/// What taskleak did not see spawned: its debug info and its allocation tell.
#[cfg(all(feature = "census", target_os = "linux", target_arch = "x86_64"))]
#[test]
fn what_nobody_saw_spawned_is_written_with_all_that_is_known_of_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let guard = verify_none().on_leak(taskleak::Action::Warn);
        let tracker = TaskTracker::new();
        let task = tracker.spawn(listen());
        parked::until_settled().await;
        let report = find(Options::new().grace(Duration::from_millis(50))).unwrap_err();
        let json = parsed(&report);
        assert_eq!(json["unseen_count"], 1);
        let unseen = &json["unseen"][0];
        assert!(unseen["name"].as_str().unwrap().contains("json::listen"));
        assert_eq!(unseen["tokio_id"], report.unseen()[0].tokio_id());
        assert_eq!(unseen["state"], report.unseen()[0].state().as_str());
        assert_eq!(unseen["await_trace"]["source"], "census");
        let site = unseen["spawn_site"]["function"].as_str().unwrap();
        assert!(site.contains("TaskTracker"), "{site}");
        let frames = unseen["user_frames"].as_array().unwrap();
        assert_eq!(frames[1]["file"], "tests/json.rs");
        task.abort();
        guard.finish().await;
    });
}

#[test]
fn words_are_those_of_as_str() {
    let word = |value: Value| value.as_str().unwrap().to_owned();
    macro_rules! assert_words {
        ($($value:expr),*) => {$(
            let written = word(serde_json::to_value($value).unwrap());
            assert_eq!(written, $value.as_str());
            assert!(!written.contains('-'), "{written}");
        )*};
    }
    assert_words!(
        TaskKind::Blocking,
        TaskState::NeverPolled,
        UnseenState::NoWaker,
        Status::FinishedOverTime,
        Liveness::Orphan,
        WaitsFor::ChannelSend,
        OtherHalf::Sender,
        TraceSource::Census
    );
    assert_eq!(TaskState::NeverPolled.as_str(), "never_polled");
    assert_eq!(WaitsFor::NeverPolled.as_str(), "never_polled");
}
