//! Naming the hooked tasks that leaked: the hooks tell where a task was spawned, the census what it is.

use super::judge::is_tolerated;
use super::sharing::Sharing;
use super::{Judgement, Rule, handles};
use crate::census::{self, SeenTask, Sight};
use crate::registry::{Scope, TaskInfo, TaskKind};
use std::collections::{HashMap, HashSet};

/// Of tasks on a runtime that the guard cannot look into.
const OUT_OF_REACH: &str = "their runtime is not the test's own, and the guard ended outside of it; end it inside, \
                            by `guard.finish().await`";

impl Judgement {
    /// Puts on each hooked task among the leaks what the census tells of it, and leaves out those that a rule lets live
    /// on by the name that they have then.
    pub(super) fn explain_hooked(
        &mut self,
        scope: &'static Scope,
        allows_background: bool,
        rules: &[Rule],
    ) {
        if !self.leaks.iter().any(is_hooked) {
            return;
        }
        let mut census = Census::default();
        for (runtime, handle) in handles::in_reach(scope) {
            let is_on_it = |task: &TaskInfo| task.runtime_id() == Some(runtime.id());
            if !self
                .leaks
                .iter()
                .any(|task| is_hooked(task) && is_on_it(task))
            {
                continue;
            }
            census.reached.insert(runtime.id());
            match census::take(&handle) {
                Ok(seen) => census.add(runtime.id(), seen),
                Err(reason) => self.unexplained = Some(reason.to_string()),
            }
        }
        let (hooked, mut leaks): (Vec<_>, Vec<_>) = std::mem::take(&mut self.leaks)
            .into_iter()
            .partition(is_hooked);
        for task in hooked {
            if !census
                .reached
                .contains(&task.runtime_id().unwrap_or_default())
            {
                self.unexplained = Some(OUT_OF_REACH.to_owned());
            }
            let task = census.explain(task);
            if is_tolerated(&task, allows_background, rules) {
                self.tolerated.push(task);
            } else {
                leaks.push(task);
            }
        }
        self.leaks = leaks;
    }
}

fn is_hooked(task: &TaskInfo) -> bool {
    task.kind() == TaskKind::Hooked
}

/// What was seen on the runtimes that were looked into.
#[derive(Default)]
struct Census {
    reached: HashSet<u64>,
    /// By the runtime's number and the task's own on it, which no other live task has.
    tasks: HashMap<(u64, u64), SeenTask>,
    /// Ten thousand tasks look alike in a handful of ways.
    sights: Sharing<Sight>,
}

impl Census {
    fn add(&mut self, runtime: u64, seen: Vec<SeenTask>) {
        self.tasks
            .extend(seen.into_iter().map(|task| ((runtime, task.id), task)));
    }

    fn explain(&mut self, task: TaskInfo) -> TaskInfo {
        let key = task.runtime_id().zip(task.tokio_id());
        // One that has ended meanwhile is not in the list.
        let Some(seen) = key.and_then(|key| self.tasks.remove(&key)) else {
            return task;
        };
        let standing = seen.standing();
        task.with_sight(self.sights.share(seen.sight), standing)
    }
}
