//! Why tasks leak: what a report says of what they wait for, what comes of an abort, and where else it is sent.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use taskleak::task::Builder;
use taskleak::{Action, Guard, LeakReport, WaitsFor, leak_test, verify_none};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::yield_now;

const GRACE: Duration = Duration::from_millis(30);

type Found = Arc<Mutex<Option<LeakReport>>>;

fn guard(found: &Found) -> Guard {
    let found = found.clone();
    verify_none()
        .grace(GRACE)
        .cleanup(move |report| *found.lock().unwrap() = Some(report.clone()))
}

/// What a guard finds that is finished in place.
async fn judged(body: impl Future<Output = ()>, change: impl FnOnce(Guard) -> Guard) -> LeakReport {
    let found = Found::default();
    let guard = change(guard(&found));
    body.await;
    let _ = AssertUnwindSafe(guard.finish()).catch_unwind().await;
    found.lock().unwrap().take().expect("there was a verdict")
}

fn text_of(report: &LeakReport, key: &str) -> Vec<String> {
    let report = report.to_string();
    let mark = format!("= {key}: ");
    let values = report
        .lines()
        .filter_map(|line| Some(line.split_once(&mark)?.1.to_owned()));
    values.collect()
}

async fn parked() {
    for _ in 0..5 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_leaked_task_is_aborted_after_the_verdict_and_said_to_have_ended() {
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let body = async {
        Builder::new()
            .name("receiver")
            .spawn(async move { receiver.recv().await });
        parked().await;
    };
    let report = judged(body, |guard| guard).await;
    assert_eq!(report.leaks()[0].ended_when_aborted(), Some(1));
    assert_eq!(text_of(&report, "when aborted"), ["it ended"]);
    assert!(sender.is_closed(), "the task's receiver is gone");
}

#[tokio::test]
async fn without_a_failure_nothing_is_aborted() {
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let body = async {
        taskleak::spawn(async move { receiver.recv().await });
        parked().await;
    };
    let report = judged(body, |guard| guard.on_leak(Action::Warn)).await;
    assert_eq!(report.leaks()[0].ended_when_aborted(), None);
    assert!(!sender.is_closed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_task_that_holds_its_thread_does_not_end_when_it_is_aborted() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let body = async {
        let (began, begun) = tokio::sync::oneshot::channel();
        Builder::new().name("holds").spawn(async move {
            let _ = began.send(());
            let _ = stopped.recv();
        });
        begun.await.unwrap();
    };
    let report = judged(body, |guard| guard).await;
    drop(stop);
    let leak = &report.leaks()[0];
    assert_eq!(leak.ended_when_aborted(), Some(0), "{report}");
    assert_eq!(leak.waits_for(), Some(WaitsFor::Blocking), "{report}");
    assert!(text_of(&report, "when aborted")[0].starts_with("it did not end"));
    if cfg!(target_os = "linux") {
        let thread = &text_of(&report, "thread")[0];
        assert!(thread.contains("tokio-r"), "{report}");
        assert!(thread.contains("waits in the system call"), "{report}");
    }
}

#[tokio::test]
async fn a_guard_that_is_dropped_aborts_too() {
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let found = Found::default();
    let guard = guard(&found);
    taskleak::spawn(async move { receiver.recv().await });
    parked().await;
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| drop(guard)));
    let report = found.lock().unwrap().take().unwrap();
    assert_eq!(report.leaks()[0].ended_when_aborted(), Some(1), "{report}");
    assert!(sender.is_closed());
}

/// As `finish` in a `timeout`: the verdict is told although the wait for what comes of an abort is cut off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_is_not_lost_when_its_owner_is_cut_off() {
    let found = Found::default();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel();
    let guard = guard(&found);
    taskleak::spawn(async move {
        let _ = began.send(());
        let _ = stopped.recv();
    });
    begun.await.unwrap();
    let cut_off = async {
        let _ = tokio::time::timeout(GRACE + Duration::from_millis(120), guard.finish()).await;
    };
    let _ = AssertUnwindSafe(cut_off).catch_unwind().await;
    drop(stop);
    assert_eq!(found.lock().unwrap().take().unwrap().task_count(), 1);
}

#[tokio::test]
async fn beside_a_task_that_could_go_on_a_lock_is_no_likely_deadlock() {
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let body = async {
        let lock = Arc::new(AsyncMutex::new(()));
        let held = lock.clone();
        taskleak::spawn(async move {
            let _held = held.lock().await;
            receiver.recv().await
        });
        parked().await;
        taskleak::spawn(async move { drop(lock.lock().await) });
        parked().await;
    };
    let report = judged(body, |guard| guard).await;
    drop(sender);
    assert_eq!(report.task_count(), 2);
    assert!(
        report
            .leaks()
            .iter()
            .all(|leak| !leak.is_likely_deadlocked()),
        "{report}"
    );
}

#[tokio::test]
async fn equal_leaks_have_one_fingerprint_in_the_text_and_as_data() {
    async fn worker() {
        pending().await
    }
    let body = async {
        taskleak::spawn(worker());
        parked().await;
    };
    let report = judged(body, |guard| guard).await;
    let fingerprint = report.leaks()[0].fingerprint().to_string();
    assert_eq!(text_of(&report, "fingerprint"), [fingerprint]);
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn child_leaks() {
    Builder::new().name("100%: a leak").spawn(pending::<()>());
}

fn child(variables: &[(&str, &str)]) -> Output {
    child_of("child_leaks", variables)
}

fn child_of(test: &str, variables: &[(&str, &str)]) -> Output {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    Command::new(executable)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env_remove("TASKLEAK")
        .env_remove("TASKLEAK_ABORT")
        .env_remove("GITHUB_WORKSPACE")
        .envs(variables.iter().copied())
        .output()
        .expect("it runs")
}

#[test]
fn aborts_can_be_switched_off() {
    for (value, aborts) in [("0", false), ("1", true)] {
        let said = child(&[("TASKLEAK_ABORT", value)]);
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.contains("= when aborted: it ended"), aborts, "{said}");
    }
}

#[leak_test(timeout = "50ms")]
#[ignore = "run in a process of its own"]
async fn child_hangs() {
    Builder::new().name("hangs").spawn(pending::<()>());
    pending::<()>().await;
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn child_leaks_untracked() {
    drop(tokio::spawn(untracked()));
}

async fn untracked() {
    pending().await
}

/// What is printed for GitHub.
fn annotations(test: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let said = child_of(test, variables);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let lines = said.lines().filter(|line| line.starts_with("::"));
    lines.map(str::to_owned).collect()
}

const GITHUB: (&str, &str) = ("TASKLEAK_ANNOTATIONS", "github");

#[test]
fn leaks_are_annotations_where_that_is_wanted() {
    assert!(annotations("child_leaks", &[("TASKLEAK_ANNOTATIONS", "off")]).is_empty());
    let said = annotations("child_leaks", &[GITHUB]);
    let [annotation] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert!(
        annotation.starts_with("::error file=tests/why.rs,line="),
        "{annotation}"
    );
    assert!(
        annotation.contains("`100%25: a leak` outlived"),
        "{annotation}"
    );
}

#[test]
fn where_nothing_fails_they_are_warnings() {
    let said = annotations("child_leaks", &[GITHUB, ("TASKLEAK", "warn")]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("::warning file="), "{said:?}");
}

#[test]
fn what_is_alive_when_a_test_times_out_has_outlived_nothing() {
    let said = annotations("child_hangs", &[GITHUB]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`hangs` is alive in "), "{said:?}");
}

/// Of a project in a sub-folder of the repository.
#[test]
fn files_are_named_from_the_repository_s_root() {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = project.parent().unwrap().to_str().unwrap();
    let name = project.file_name().unwrap().to_str().unwrap();
    let said = annotations("child_leaks", &[GITHUB, ("GITHUB_WORKSPACE", repository)]);
    let expected = format!("::error file={name}/tests/why.rs,line=");
    assert!(said[0].starts_with(&expected), "{said:?}");
}

#[cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(tokio_unstable)
))]
#[test]
fn untracked_tasks_are_annotated_too() {
    let said = annotations("child_leaks_untracked", &[GITHUB]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("::error file=tests/why.rs,line="),
        "{said:?}"
    );
    assert!(
        said[0].contains("an untracked task `why::untracked` outlived"),
        "{said:?}"
    );
}

#[cfg(feature = "json")]
mod json {
    use super::*;

    #[test]
    fn reports_are_appended_to_a_file() {
        let file = std::env::temp_dir().join(format!("taskleak-why-{}.jsonl", std::process::id()));
        let path = file.to_str().unwrap();
        for _ in 0..2 {
            child(&[("TASKLEAK_JSON", path)]);
        }
        let lines = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(lines.lines().count(), 2);
        let mut fingerprints = Vec::new();
        for line in lines.lines() {
            let report: serde_json::Value = serde_json::from_str(line).unwrap();
            let leak = &report["leaks"][0];
            assert_eq!(report["test"], "child_leaks");
            assert_eq!(leak["name"], "100%: a leak");
            assert_eq!(leak["location"]["file"], "tests/why.rs");
            fingerprints.push(leak["fingerprint"].clone());
        }
        assert_eq!(fingerprints[0], fingerprints[1]);
    }
}
#[cfg(not(feature = "json"))]
#[test]
fn without_the_feature_a_note_says_what_is_missing() {
    let said = child(&[("TASKLEAK_JSON", "leaks.jsonl")]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("feature `json`"), "{said}");
}
