//! Tasks that are alive and never go on.

use super::snapshot::Snapshot;
use super::task_record::TaskRecord;
use crate::registry::{Reading, TaskKind};
use crate::wait::{self, Standing};

/// `Scope` of tasks that no guard answers for.
const NO_SCOPE: u32 = 0;

impl Snapshot {
    /// Those of its tasks that can never be polled again: they are parked, and no waker and no abort
    /// handle of them exists, nor a `JoinHandle` or `JoinSet`, by which they could be aborted. Looks at
    /// them anew, now.
    ///
    /// Each of them is proved to be one; not all of them are found. Left out are background tasks,
    /// those of a `LocalSet`, those that a test's guard answers for, and all if this version of tokio
    /// keeps its tasks in a way that taskleak does not know.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::spawn(std::future::pending::<()>()); // and the handle is dropped
    /// tokio::task::yield_now().await;
    /// for task in taskleak::manager().snapshot().orphans() {
    ///     println!("{} waits for nothing; spawned at {}", task.name(), task.location());
    /// }
    /// # }
    /// ```
    pub fn orphans(&self) -> Vec<&TaskRecord> {
        let candidates: Vec<_> = self.tasks.iter().filter(|task| may_be_told(task)).collect();
        let readings: Vec<Reading> = candidates.iter().map(|task| task.reading()).collect();
        let schedules = wait::schedules(&readings).into_iter();
        let standings = schedules.map(|schedule| Standing::of(schedule, 0));
        let standing = candidates.into_iter().zip(standings);
        standing
            .filter_map(|(task, standing)| standing.is_final().then_some(task))
            .collect()
    }
}

/// A guard may drive its tasks itself, by wakers that their runtime does not count.
fn may_be_told(task: &TaskRecord) -> bool {
    task.kind() == TaskKind::Task
        && task.polls() > 0
        && !task.is_background()
        && task.reading().scope == NO_SCOPE
}
