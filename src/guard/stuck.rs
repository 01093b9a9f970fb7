//! Which tasks are certain never to end: for them nobody needs to wait.

use super::Rule;
use super::judge::{is_tolerated, members};
use crate::registry::slot::{Reading, flag};
use crate::registry::{Scope, TaskInfo, TaskKind, TrackedRuntime};
use crate::task::assisted;
use crate::wait::Standing;

/// What is known of a live task's chances.
pub(super) fn standing(task: &Reading) -> Standing {
    // A waker that a guard's poll gave away is no holder that the runtime knows of. None is made
    // between the two looks, since only guards poll so, and this is one.
    let before = assisted::reach(task);
    let standing = Standing::of(task, before.own);
    if before.wakeable || assisted::reach(task).wakeable {
        return Standing {
            liveness: standing.liveness.min(crate::wait::Liveness::Wakeable),
            ..standing
        };
    }
    standing
}

/// How many of the scope's tasks that have to end are certain not to, and how many may live on.
///
/// Only tasks of the runtime that this runs in count: another one's may be shut down within the
/// grace, which ends its tasks. For the same reason local tasks don't.
pub(super) fn count(scope: &'static Scope, allows_background: bool, rules: &[Rule]) -> Stuck {
    let mut stuck = Stuck::default();
    let Some(here) = TrackedRuntime::current() else {
        return stuck;
    };
    for task in members(scope) {
        if task.has(flag::BACKGROUND) && allows_background {
            continue;
        }
        let may_live_on = |task: TaskInfo| is_tolerated(&task, allows_background, rules);
        if !rules.is_empty() && TaskInfo::of(&task).is_some_and(may_live_on) {
            stuck.tolerated += 1;
            continue;
        }
        let is_here = task.kind() == TaskKind::Task && task.runtime == here.index();
        if is_here && !task.has(flag::POLLING) && standing(&task).is_final() {
            stuck.stuck += 1;
        }
    }
    stuck
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Stuck {
    pub(super) stuck: u32,
    pub(super) tolerated: u32,
}

impl Stuck {
    /// Whether these are all the tasks that are concerned. A task that ended while they were counted
    /// may have left a child behind, which was not: then they are too few.
    pub(super) fn is_all(self, concerned: u32) -> bool {
        self.stuck > 0 && self.stuck + self.tolerated == concerned
    }
}
