//! Which of the tasks that are left wait for each other.

use crate::census;
use crate::registry::{Scope, TaskInfo, TrackedRuntime};
use crate::task::assisted::reach;
use crate::wait::deadlock::{Finding, solve};
use std::collections::HashMap;
use tokio::runtime::Handle;

/// What was found, by the number of the runtime and the task's own on it.
#[derive(Debug, Default)]
pub(crate) struct Deadlocks(HashMap<(u64, u64), Finding>);

impl Deadlocks {
    /// Looks into the tasks of the runtimes that the tasks are on, as far as they can be reached.
    pub(super) fn among(scope: &'static Scope, tasks: &[TaskInfo]) -> Self {
        let mut found = HashMap::new();
        let here = Handle::try_current().ok();
        let watched = scope.watched();
        let watched = watched.iter().map(|watched| watched.handle().clone());
        for handle in here.into_iter().chain(watched) {
            let runtime = TrackedRuntime::of(&handle).id();
            let is_on_it = |task: &TaskInfo| task.runtime_id() == Some(runtime);
            let is_known = found.keys().any(|(known, _)| *known == runtime);
            if is_known || !tasks.iter().any(is_on_it) {
                continue;
            }
            let mut facts = census::holdings(&handle).unwrap_or_default();
            for facts in &mut facts {
                // A waker that taskleak keeps of it wakes nobody.
                let task = tasks
                    .iter()
                    .find(|task| is_on_it(task) && task.tokio_id() == Some(facts.id));
                let own = task
                    .and_then(|task| task.id().read())
                    .map_or(0, |task| reach(&task).own);
                facts.holders = facts.holders.saturating_sub(own);
            }
            found.extend(
                solve(&facts)
                    .into_iter()
                    .map(|(task, finding)| ((runtime, task), finding)),
            );
        }
        Self(found)
    }

    pub(crate) fn of(&self, task: &TaskInfo) -> Option<&Finding> {
        self.0.get(&(task.runtime_id()?, task.tokio_id()?))
    }
}
