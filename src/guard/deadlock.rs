//! Which of the tasks that are left wait for each other.

use super::continued::located;
use super::handles;
use super::judge::members;
use crate::census::{self, Unavailable};
use crate::registry::slot::Reading;
use crate::registry::{Scope, TaskInfo, TaskKind, TrackedRuntime};
use crate::task::assisted::reach;
use crate::wait::deadlock::{Finding, solve};
use crate::wait::{Liveness, RuntimeKind};
use std::collections::HashMap;
use tokio::runtime::Handle;

/// What was found, by the tasks' own numbers, which are unique among live ones; or why nobody could look.
#[derive(Debug)]
pub(crate) struct Deadlocks(Result<HashMap<u64, Finding>, Unavailable>);

impl Default for Deadlocks {
    fn default() -> Self {
        Self(Ok(HashMap::new()))
    }
}

impl Deadlocks {
    /// Looks into the tasks of the runtimes that can be reached, and into those of the scope wherever they are.
    pub(super) fn among(scope: &'static Scope, tasks: &[TaskInfo]) -> Self {
        let runtimes: Vec<_> = handles::in_reach(scope)
            .into_iter()
            .map(|(_, handle)| handle)
            .collect();
        let mut facts = match census::holdings(&runtimes, &elsewhere(scope, &runtimes)) {
            Ok(facts) => facts,
            Err(reason) => return Self(Err(reason)),
        };
        let ids = tasks
            .iter()
            .filter_map(|task| Some((task.tokio_id()?, task)));
        let by_id: HashMap<u64, &TaskInfo> = ids.collect();
        for facts in &mut facts.tasks {
            let task = by_id.get(&facts.id).copied();
            // A waker that taskleak keeps of it wakes nobody.
            let record = task.and_then(|task| task.id().read());
            let own = record.map_or(0, |task| reach(&task).own);
            facts.holders = facts.holders.and_then(|holders| holders.checked_sub(own));
            // Whether it was parked before it was asked.
            let was_parked = task.is_some_and(|task| task.liveness() >= Liveness::Wakeable);
            if facts.is_queued && !was_parked {
                facts.holders = None;
            }
        }
        Self(Ok(solve(&facts)))
    }

    /// Why nobody could look, if that is so.
    pub(crate) fn unknown(&self) -> Option<&Unavailable> {
        self.0.as_ref().err()
    }

    pub(crate) fn of(&self, task: &TaskInfo) -> Option<&Finding> {
        self.0.as_ref().ok()?.get(&task.tokio_id()?)
    }
}

/// Tasks of the scope that are in the list of none of these runtimes: their headers and numbers.
fn elsewhere(scope: &'static Scope, runtimes: &[Handle]) -> Vec<((u64, u64), RuntimeKind)> {
    let here: Vec<_> = runtimes
        .iter()
        .map(|handle| TrackedRuntime::of(handle).index())
        .collect();
    let is_elsewhere = |task: &Reading| match task.kind() {
        TaskKind::Local => true,
        TaskKind::Task => !here.contains(&task.runtime),
        _ => false,
    };
    let tasks: Vec<_> = members(scope).filter(is_elsewhere).collect();
    located(&tasks)
        .into_iter()
        .filter_map(|(task, place)| Some((place, RuntimeKind::of(&task)?)))
        .collect()
}
