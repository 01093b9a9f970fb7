//! What debug info tells of the same futures, where nobody tracked them.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions
))]

use super::leaves::CASES;
use super::{Case, end_pipes};
use std::time::Duration;
use taskleak::{Action, LeakReport, UnseenTask, WaitsFor, verify_none};

const GRACE: Duration = Duration::from_millis(300);

/// Of these debug info need not tell it: futures that are written by hand, in a `Vec`, that wait for one end or the other,
/// or that are never parked, and so only read when they happen not to run.
const UNTOLD: [&str; 6] = [
    "by_hand",
    "copy",
    "futures_mpsc_send",
    "futures_select_all",
    "poll_function",
    "yields",
];

/// What is found of one case, tracked or not, in a runtime that the guard does not share.
fn report(case: &Case, is_tracked: bool) -> LeakReport {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let guard = verify_none()
            .grace(GRACE)
            .on_leak(Action::Warn)
            .cleanup(move |report| sender.send(report.clone()).unwrap());
        let task = if is_tracked {
            taskleak::spawn((case.spawn)())
        } else {
            tokio::spawn((case.spawn)())
        };
        guard.finish().await;
        end_pipes();
        task.abort();
        receiver.recv().expect("it leaks")
    });
    runtime.shutdown_background();
    report
}

/// Of the one task that runs the case: others are made by some of them.
fn waits_for(report: &LeakReport, case: &Case) -> Option<WaitsFor> {
    let is_it = |task: &&UnseenTask| task.name().ends_with(case.name);
    report.unseen().iter().find(is_it)?.waits_for()
}

#[test]
fn what_a_task_waits_for_is_the_same_by_debug_info() {
    let check = |case: &Case| {
        let answered = report(case, true).leaks()[0].waits_for();
        let report = report(case, false);
        let seen = waits_for(&report, case);
        let is_right = seen == answered || (seen.is_none() && UNTOLD.contains(&case.name));
        (!is_right).then(|| format!("{}: {seen:?} for {answered:?}\n{report}", case.name))
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let checks: Vec<_> = CASES
            .chunks(CASES.len().div_ceil(8))
            .map(|cases| scope.spawn(|| cases.iter().filter_map(check).collect::<Vec<_>>()))
            .collect();
        let wrong = checks.into_iter().map(|wrong| wrong.join().unwrap());
        wrong.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
