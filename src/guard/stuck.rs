//! Which tasks are certain never to end: for them nobody needs to wait.

use super::Rule;
use super::judge::{is_tolerated, members};
use crate::registry::slot::{Reading, flag};
use crate::registry::{Scope, TaskInfo, TaskKind, TrackedRuntime, poller};
use crate::task::assisted;
use crate::wait::{self, Liveness, Standing};

/// What is known of live tasks' chances, in their order.
pub(super) fn standings(tasks: &[Reading]) -> Vec<Standing> {
    // A waker that a guard's poll gave away is no holder that the runtime knows of. None is made
    // between the two looks, since only guards poll so, and this is one.
    let before: Vec<_> = tasks.iter().map(assisted::reach).collect();
    let standing = |((task, before), schedule): ((&Reading, assisted::Reach), _)| {
        let mut standing = Standing::of(schedule, before.own);
        if before.wakeable || assisted::reach(task).wakeable {
            standing.liveness = standing.liveness.min(Liveness::Wakeable);
        }
        standing
    };
    let schedules = wait::schedules(tasks);
    let tasks = tasks.iter().zip(before);
    tasks.zip(schedules).map(standing).collect()
}

/// Learns what telling takes, which takes a moment the first time: before a grace begins.
pub(super) fn prepare() {
    if let Some(here) = TrackedRuntime::current() {
        wait::calibrate(here.is_current_thread());
    }
}

/// How many of the scope's tasks that have to end are certain not to, and how many may live on.
///
/// Only tasks of the runtime that this thread is in, by its index, count: another one's may be shut down within the
/// grace, which ends its tasks. For the same reason local tasks don't, unless the guard blocks the very
/// thread on which they were polled: their set cannot leave it, and nobody else can drop it there.
pub(super) fn count(
    scope: &'static Scope,
    allows_background: bool,
    rules: &[Rule],
    here: Option<u32>,
    blocks: bool,
) -> Stuck {
    let mut stuck = Stuck::default();
    // Where threads have no numbers, they are 0.
    let thread = Some(poller::id()).filter(|thread| blocks && *thread != 0);
    let mut candidates = Vec::new();
    for task in members(scope) {
        if task.has(flag::BACKGROUND) && allows_background {
            continue;
        }
        let may_live_on = |task: TaskInfo| is_tolerated(&task, allows_background, rules);
        if !rules.is_empty() && TaskInfo::of(&task).is_some_and(may_live_on) {
            stuck.tolerated += 1;
            continue;
        }
        let is_here = match task.kind() {
            TaskKind::Task => Some(task.runtime) == here,
            TaskKind::Local => Some(task.poller) == thread,
            _ => false,
        };
        if is_here && task.polls > 0 && !task.has(flag::POLLING) {
            candidates.push(task);
        }
    }
    let standings = standings(&candidates).into_iter();
    let certain = standings.filter(|standing| standing.is_final()).count();
    stuck.stuck = u32::try_from(certain).unwrap_or(u32::MAX);
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
