//! Waiting for tasks that nobody tracked: a guard does not wait for their first polls.

use std::time::{Duration, Instant};
use taskleak::{LeakReport, Options, TaskInfo, TaskKind, UnseenState, find};

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// Whether all leaked tasks have come to their await points, as far as one can tell.
pub fn is_settled(report: &LeakReport) -> bool {
    let mut unseen = report.unseen().iter();
    let leaks = report.leaks().iter();
    let mut known = leaks
        .filter(|leak| leak.kind() != TaskKind::Blocking)
        .flat_map(|leak| leak.tasks());
    unseen.all(|task| matches!(task.state(), UnseenState::Parked | UnseenState::NoWaker))
        && !known.any(TaskInfo::is_silent)
}

/// Until all that the open guard would report is so. Of a current-thread runtime's tasks nothing is to be seen from
/// inside; they had their turns.
pub async fn until_settled() {
    let begun = Instant::now();
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    while begun.elapsed() < LONG {
        match find(Options::new().grace(Duration::from_millis(5))) {
            Err(report) if !is_settled(&report) => tokio::task::yield_now().await,
            _ => return,
        }
    }
}
