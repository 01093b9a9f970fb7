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
mod reserved;
mod shapes;

use std::time::Duration;
use taskleak::{LeakReport, Options, find};

/// What is found with a little grace.
fn report() -> LeakReport {
    find(Options::new().grace(Duration::from_millis(15))).expect_err("there are leaks")
}

/// How many of the leaked tasks are said to be deadlocked.
fn said(report: &LeakReport) -> usize {
    let leaks = report.leaks().iter();
    let said = leaks.filter(|leak| leak.is_likely_deadlocked() || leak.is_proved_deadlocked());
    said.map(|leak| leak.count()).sum()
}
