//! Tasks that wait for each other or for what nobody else can come to are likely deadlocked; while somebody else holds
//! what would help them, wherever that is, nothing of the kind is said.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions,
    feature = "census"
))]

mod holders;
mod joins;
mod many;
mod read_write;
mod reserved;
mod shapes;

use std::time::{Duration, Instant};
use taskleak::{LeakReport, Options, TaskInfo, find};

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// What is found with a little grace, of tasks that all came to answer.
fn report() -> LeakReport {
    report_where(|_| true)
}

/// The same once that many tasks are said to be deadlocked: a task is passed over while it is being polled.
fn report_that_says(count: usize) -> LeakReport {
    report_where(|report| said(report) == count)
}

/// The same once that holds of it, or the last of many.
fn report_where(holds: impl Fn(&LeakReport) -> bool) -> LeakReport {
    let begun = Instant::now();
    loop {
        let options = Options::new().grace(Duration::from_millis(15));
        let report = find(options).expect_err("there are leaks");
        let mut tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
        let is_answered = !tasks.any(TaskInfo::is_silent);
        if begun.elapsed() > LONG || is_answered && holds(&report) {
            return report;
        }
    }
}

/// How many of the leaked tasks are said to be deadlocked.
fn said(report: &LeakReport) -> usize {
    let leaks = report.leaks().iter();
    let said = leaks.filter(|leak| leak.is_likely_deadlocked() || leak.is_proved_deadlocked());
    said.map(|leak| leak.count()).sum()
}
