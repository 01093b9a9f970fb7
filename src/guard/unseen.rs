//! Naming the tasks that are known by their number only.

use super::{Rule, strays};
use crate::alloc;
use crate::census::{self, SeenTask, Unavailable};
use crate::registry::tokio_ids;
use crate::registry::{self, Scope, TrackedRuntime};
use crate::report::Settled;
use crate::stack::Stack;
use std::collections::HashSet;
use tokio::runtime::Handle;

/// What could be learned of the tasks that a scope's runtimes count and nobody tracked.
#[derive(Debug)]
pub(crate) struct Unseen {
    /// How many there are: what the runtimes count is what holds.
    pub(crate) count: usize,
    /// Those of them that the census found, oldest first; or why there was none.
    pub(crate) tasks: Result<Vec<Found>, Unavailable>,
}

/// A task that nobody tracked, found out about.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) task: SeenTask,
    /// Who spawned it, if the allocator or its runtime's hook has noted that.
    pub(crate) spawned_by: Option<Stack>,
}

impl From<SeenTask> for Found {
    fn from(task: SeenTask) -> Self {
        let spawned_by = alloc::spawn_backtrace(task.address).or_else(|| hook_saw(task.id));
        Self { task, spawned_by }
    }
}

#[cfg(tokio_unstable)]
fn hook_saw(task: u64) -> Option<Stack> {
    registry::hooked::spawn_backtrace(task)
}

#[cfg(not(tokio_unstable))]
fn hook_saw(_: u64) -> Option<Stack> {
    None
}

impl Default for Unseen {
    fn default() -> Self {
        Self {
            count: 0,
            tasks: Ok(Vec::new()),
        }
    }
}

impl Unseen {
    /// Leaves out those that a rule lets live on: the census has named them, or the allocator knows who spawned them.
    pub(super) fn ignore(&mut self, rules: &[Rule]) {
        let Ok(tasks) = &mut self.tasks else { return };
        let found = tasks.len();
        tasks.retain(|task| !rules.iter().any(|rule| rule.matches_unseen(task)));
        self.count = self.count.saturating_sub(found - tasks.len());
    }
}

/// Takes the census of the scope's runtimes, if it has anything to explain.
pub(super) fn name(scope: &'static Scope, count: usize, how: Settled) -> Unseen {
    if count == 0 {
        return Unseen::default();
    }
    let mut found = Ok(Vec::new());
    // Without a grace they are only noted.
    let is_verdict = how != Settled::WithoutGrace;
    let asking = tokio_ids::current_task();
    for watched in scope.watched() {
        let uncounted = watched.unseen();
        if uncounted == 0 {
            continue;
        }
        match census_of(watched.handle(), watched.runtime(), asking) {
            Ok(mut tasks) => {
                // Those that were there before the guard are the oldest.
                let before = watched
                    .baseline()
                    .min(tasks.len().saturating_sub(uncounted));
                if is_verdict {
                    strays::answered(watched.runtime(), Ok(&tasks[before..]));
                }
                if let Ok(found) = &mut found {
                    found.extend(tasks.drain(before..).map(Found::from));
                }
            }
            Err(reason) => {
                if is_verdict {
                    strays::answered(watched.runtime(), Err(uncounted));
                }
                found = Err(reason);
            }
        }
    }
    Unseen {
        count,
        tasks: found,
    }
}

/// The tasks of a runtime that nobody tracked, oldest first, but the one that asks.
pub(super) fn census_of(
    handle: &Handle,
    runtime: &TrackedRuntime,
    asking: Option<u64>,
) -> Result<Vec<SeenTask>, Unavailable> {
    let mut tasks = census::take(handle)?;
    let tracked = tracked_on(runtime);
    tasks.retain(|task| !task.is_wrapped && !tracked.contains(&task.id) && Some(task.id) != asking);
    // tokio numbers tasks as they are spawned.
    tasks.sort_by_key(|task| task.id);
    Ok(tasks)
}

/// The numbers of the tracked tasks on a runtime that have been polled.
fn tracked_on(runtime: &TrackedRuntime) -> HashSet<u64> {
    registry::live()
        .filter(|task| task.runtime == runtime.index() && task.tokio_id != 0)
        .map(|task| task.tokio_id)
        .collect()
}
