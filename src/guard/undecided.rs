//! Hooked tasks of which nobody can tell whether they would have ended.

use super::Judgement;
use crate::registry::{TaskInfo, TaskKind, TrackedRuntime};
use crate::report::Settled;

impl Judgement {
    /// Sets aside the hooked tasks that had no chance to end, because the guard blocked the thread
    /// that they need. Tracked ones it could drive itself; of these it knows only that they are there.
    pub(super) fn of_settled(mut self, settled: Settled) -> Self {
        if settled != Settled::WithoutGrace {
            return self;
        }
        let Some(runtime) = TrackedRuntime::current().filter(|runtime| runtime.is_current_thread())
        else {
            return self;
        };
        let stood_still = |task: &mut TaskInfo| {
            task.kind() == TaskKind::Hooked && task.runtime_id() == Some(runtime.id())
        };
        self.undecided
            .extend(self.leaks.extract_if(.., stood_still));
        self
    }
}
