//! Naming the tasks that are known by their number only.

use super::counted::{self, Asker};
use super::{Rule, asking, strays};
use crate::alloc;
use crate::census::{self, SeenState, SeenTask, Unavailable};
use crate::registry::scope::Watched;
use crate::registry::{self, Scope, TrackedRuntime};
use crate::report::Settled;
use crate::stack::Stack;
use std::collections::HashSet;
use std::time::Duration;
use tokio::runtime::Handle;

/// What could be learned of the tasks that a scope's runtimes count and nobody tracked.
#[derive(Debug)]
pub(crate) struct Unseen {
    /// How many there are: what the runtimes count is what holds.
    pub(crate) count: usize,
    /// Those of them that the census found, oldest first; or why there was none.
    pub(crate) tasks: Result<Vec<Found>, Unavailable>,
    /// Whether there is a runtime whose count the scope does not answer for.
    pub(crate) uncounted: bool,
}

/// A task that nobody tracked, found out about.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) task: SeenTask,
    /// Who spawned it, if the allocator or its runtime's hook has noted that.
    pub(crate) spawned_by: Option<Stack>,
}

impl Found {
    /// The allocator knows who spawned what lies there, which is the task only if that is still alive afterwards.
    fn out_of(task: SeenTask) -> Self {
        let spawned_by = alloc::spawn_backtrace(task.address).or_else(|| hook_saw(task.id));
        Self { task, spawned_by }
    }
}

/// Finds out who spawned these tasks; leaves out those that have ended. And which are alive, if that can be told.
pub(super) fn still_alive(
    handle: &Handle,
    tasks: Vec<SeenTask>,
) -> Result<(Vec<Found>, Option<HashSet<u64>>), Unavailable> {
    let mut found: Vec<_> = tasks.into_iter().map(Found::out_of).collect();
    let ((), alive) = census::beside_list(handle, || ())?;
    if alive.is_whole {
        found.retain(|found| alive.tasks.contains(&found.task.id));
    } else {
        for found in &mut found {
            if !alive.tasks.contains(&found.task.id) {
                found.spawned_by = hook_saw(found.task.id);
            }
        }
    }
    Ok((found, alive.is_whole.then_some(alive.tasks)))
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
            uncounted: false,
        }
    }
}

/// Takes the census of the scope's runtimes, if it has anything to explain, and leaves out what a rule lets live on: the
/// census has named it, or the allocator knows who spawned it.
pub(super) fn name(scope: &'static Scope, rules: &[Rule], how: Settled) -> Unseen {
    let mut unseen = Unseen {
        uncounted: scope.is_uncounted(),
        ..Unseen::default()
    };
    // Without a grace they are only noted.
    let is_verdict = how != Settled::WithoutGrace;
    for watched in scope.watched() {
        let asker = Asker::of(scope, &watched);
        match OnRuntime::look(&watched, asker) {
            Ok(on) => {
                if is_verdict {
                    strays::answered(watched.runtime(), Ok(&on.tasks));
                }
                let mut tasks = on.tasks;
                tasks.retain(|task| !rules.iter().any(|rule| rule.matches_unseen(task)));
                unseen.count += (tasks.len() + on.unexplained).min(on.count);
                if let Ok(found) = &mut unseen.tasks {
                    found.extend(tasks);
                }
            }
            Err((count, reason)) => {
                if is_verdict {
                    strays::answered(watched.runtime(), Err(count));
                }
                unseen.count += count;
                if count > 0 {
                    unseen.tasks = Err(reason);
                }
            }
        }
    }
    unseen
}

/// What a runtime's count and its list say together.
#[derive(Default)]
struct OnRuntime {
    /// Of those that were not there before the guard.
    count: usize,
    /// Those of them that the list had while the runtime counted, and that were still there when they were read.
    tasks: Vec<Found>,
    /// How many of the count are none of these, nor have ended since.
    unexplained: usize,
}

impl OnRuntime {
    fn look(watched: &Watched, asker: Asker) -> Result<Self, (usize, Unavailable)> {
        // The census takes long, so whether there is anything to explain is asked first.
        let count = counted::unseen_surely(watched, asker);
        if count == 0 {
            return Ok(Self::default());
        }
        let unavailable = |reason| (count, reason);
        let asking = asking::number(watched.handle());
        let asker = match asking {
            Some(asking) if asker == Asker::Unclear => {
                let older = older(watched, asking).map_err(unavailable)?;
                asker.cleared(watched, older)
            }
            _ => asker,
        };
        let both = CountAndList::look(watched, asker, asking).map_err(unavailable)?;
        let mut tasks =
            census_of(watched.handle(), watched.runtime(), asking).map_err(unavailable)?;
        tasks.retain(|task| both.listed.binary_search(&task.id).is_ok());
        // What can't be read is no less alive.
        let read: HashSet<u64> = tasks.iter().map(|task| task.id).collect();
        // But what has ended is, though its runtime has not counted that yet.
        tasks.retain(|task| task.sight.state != SeenState::Complete);
        let ended = read.len() - tasks.len();
        let (tasks, alive) = still_alive(watched.handle(), tasks).map_err(unavailable)?;
        let unread = both.listed.iter();
        let is_alive = |id: &u64| alive.as_ref().is_none_or(|alive| alive.contains(id));
        let unread = unread.filter(|id| is_alive(id) && !read.contains(id));
        Ok(Self {
            count: both.count.saturating_sub(ended),
            unexplained: both.unlisted + unread.count(),
            tasks,
        })
    }
}

/// How many of the tasks that nobody tracked are older than this one: tokio numbers them as they are spawned.
fn older(watched: &Watched, task: u64) -> Result<usize, Unavailable> {
    let tracked = tracked_on(watched.runtime());
    let ((), alive) = census::beside_list(watched.handle(), || ())?;
    let is_older = |id: &&u64| **id < task && !tracked.contains(id);
    Ok(alive.tasks.iter().filter(is_older).count())
}

/// A runtime's count, and what was in its list before and after it counted: so it counted these too.
struct CountAndList {
    /// Of those that were not there before the guard.
    count: usize,
    /// Their numbers, lowest first.
    listed: Vec<u64>,
    /// How many of the count are not in the list.
    unlisted: usize,
}

/// How often to look anew when list and count differ: tasks come and go meanwhile. In all it takes 10 ms.
const LOOKS: u32 = 16;

impl CountAndList {
    /// Looks until the list explains the count. Where it never does, what stands is when it explained most: a task that
    /// lives on is in the count each time.
    fn look(watched: &Watched, asker: Asker, asking: Option<u64>) -> Result<Self, Unavailable> {
        let mut best = Self::once(watched, asker, asking)?;
        for look in 0..LOOKS {
            if best.unlisted == 0 {
                break;
            }
            std::thread::sleep(Duration::from_micros(50 << look.min(4)));
            let next = Self::once(watched, asker, asking)?;
            if next.unlisted <= best.unlisted {
                best = next;
            }
        }
        Ok(best)
    }

    fn once(watched: &Watched, asker: Asker, asking: Option<u64>) -> Result<Self, Unavailable> {
        let (count, listed) =
            census::beside_list(watched.handle(), || counted::unseen_on(watched, asker))?;
        let tracked = tracked_on(watched.runtime());
        let is_unseen = |id: &u64| !tracked.contains(id) && Some(*id) != asking;
        // tokio numbers tasks as they are spawned.
        let mut listed: Vec<_> = listed.tasks.into_iter().filter(is_unseen).collect();
        listed.sort_unstable();
        // So those that were there before the guard come first.
        let baseline = asker.leave_out_before(watched.baseline());
        listed.drain(..baseline.min(listed.len().saturating_sub(count)));
        let unlisted = count.saturating_sub(listed.len());
        Ok(Self {
            count,
            listed,
            unlisted,
        })
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
