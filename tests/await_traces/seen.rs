//! What debug info tells of the same futures, where nobody tracked them.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions
))]

use super::{Case, all_cases, answered_report, report, wrong_of};
use taskleak::{LeakReport, UnseenTask, WaitsFor};

/// Of these debug info need not tell it: futures that are written by hand, in a `Vec`, that wait for one end or the other,
/// or that are never parked, and so only read when they happen not to run.
const UNTOLD: [&str; 7] = [
    "both_ways",
    "by_hand",
    "copy",
    "futures_mpsc_send",
    "futures_select_all",
    "poll_function",
    "yields",
];

/// Of the one task that runs the case: others are made by some of them.
fn waits_for(report: &LeakReport, case: &Case) -> Option<WaitsFor> {
    let is_it = |task: &&UnseenTask| task.name().ends_with(case.name);
    report.unseen().iter().find(is_it)?.waits_for()
}

#[test]
fn what_a_task_waits_for_is_the_same_by_debug_info() {
    let check = |case: &'static Case| {
        let answered = answered_report(case).leaks()[0].waits_for();
        let report = report(case, false);
        let seen = waits_for(&report, case);
        let is_right = seen == answered || (seen.is_none() && UNTOLD.contains(&case.name));
        (!is_right).then(|| format!("{}: {seen:?} for {answered:?}\n{report}", case.name))
    };
    let wrong = wrong_of(&all_cases().collect::<Vec<_>>(), check);
    assert!(wrong.is_empty(), "{wrong}");
}
