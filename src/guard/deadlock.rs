//! Which of the tasks that are left wait for each other.

use super::handles;
use crate::census;
use crate::registry::{Scope, TaskInfo};
use crate::task::assisted::reach;
use crate::wait::deadlock::{Finding, solve};
use std::collections::HashMap;

/// What was found, by the number of the runtime and the task's own on it.
#[derive(Debug, Default)]
pub(crate) struct Deadlocks(HashMap<(u64, u64), Finding>);

impl Deadlocks {
    /// Looks into the tasks of the runtimes that the tasks are on, as far as they can be reached.
    pub(super) fn among(scope: &'static Scope, tasks: &[TaskInfo]) -> Self {
        let mut found = HashMap::new();
        for (runtime, handle) in handles::in_reach(scope) {
            let runtime = runtime.id();
            let is_on_it = |task: &TaskInfo| task.runtime_id() == Some(runtime);
            if !tasks.iter().any(is_on_it) {
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
