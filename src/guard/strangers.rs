//! Tasks of others that hold the threads which leaked tasks need.
//!
//! A leaked task that was woken and not polled may be none: its runtime did not come to it. If all that the runtime's
//! threads do is inside polls of tasks that this guard does not judge, a person who only reads of his own tasks looks in
//! the wrong place.

use super::blocked;
use crate::census::SeenState;
use crate::registry::slot::{Reading, flag};
use crate::registry::{self, Slot, TaskInfo, TaskKind, TaskState, current, poller, pollers};
use crate::stack::Stack;
use crate::thread::{self, Sights};
use crate::wait::Liveness;
use crate::wait::blocked::{frames_in_task, gave_its_worker_away};
use std::collections::HashSet;
use std::time::Duration;

/// How many are told of.
const MOST: usize = 16;
/// How long a thread must be where it was for a poll that nobody timed.
const STILL: Duration = Duration::from_millis(20);

/// A thread that is inside a poll of somebody else's task.
#[derive(Clone, Debug)]
pub(crate) struct Stranger {
    /// None if taskleak did not see it spawned.
    pub(crate) task: Option<TaskInfo>,
    /// What the system says of the thread.
    pub(crate) thread: Option<String>,
    /// Of a task that nobody tracked: of another the task's own record tells.
    pub(crate) stack: Option<Stack>,
}

/// Those that leaks wait for to get their turns, and how many leaks do so, for themselves or to answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strangers {
    /// Those that were due before anybody asked them.
    pub(crate) due: usize,
    /// Those that could not be asked what they wait for: they were queued only for that.
    pub(crate) unasked: usize,
    pub(crate) tasks: Vec<Stranger>,
}

impl Strangers {
    /// Looks at the runtimes of those leaks that have no turn although they are due, or were asked. Tells of polls that have not returned
    /// for longer than `after`.
    pub(super) fn before(leaks: &[TaskInfo], after: Option<Duration>) -> Self {
        let waiting = leaks
            .iter()
            .filter_map(|task| Some((why_waiting(task)?, task.id().read()?)));
        let (whys, waiting): (Vec<_>, Vec<_>) = waiting.unzip();
        let Some(after) = after.filter(|_| !waiting.is_empty()) else {
            return Self::default();
        };
        let leaked: HashSet<_> = leaks.iter().map(TaskInfo::id).collect();
        let asking = current::task().map(Slot::id);
        let own = poller::id();
        let is_strange = |task: &Reading| {
            let is_polled = task.has(flag::POLLING) && task.kind() != TaskKind::Blocking;
            is_polled
                && !leaked.contains(&task.id)
                && Some(task.id) != asking
                && (task.poller == 0 || task.poller != own)
                && waiting.iter().any(|due| needs_thread_of(due, task))
                // Not timed: it began when nobody judged, and so before the leaks were spawned.
                && (task.last_poll == 0 || blocked::age(task) >= after)
        };
        let found: Vec<_> = registry::live().filter(is_strange).take(MOST).collect();
        let sights = Sights::of(&found);
        let known = found.iter().filter_map(|task| Self::known(task, &sights));
        let mut tasks: Vec<_> = known.collect();
        tasks.extend(
            Self::untracked(&waiting)
                .into_iter()
                .take(MOST - tasks.len()),
        );
        if tasks.is_empty() {
            return Self::default();
        }
        let due = whys.iter().filter(|why| **why == Waiting::Due).count();
        Self {
            due,
            unasked: whys.len() - due,
            tasks,
        }
    }

    fn known(task: &Reading, sights: &Sights) -> Option<Stranger> {
        let sight = sights.get(task.id);
        if let Some(Ok(stack)) = sight
            && gave_its_worker_away(stack)
        {
            return None;
        }
        let now = task.id.read()?;
        if now.polls != task.polls || !now.has(flag::POLLING) {
            return None;
        }
        let info = TaskInfo::of(task)?;
        let thread = info.poller().and_then(thread::describe);
        Some(Stranger {
            task: Some(info.with_blocked(sight)),
            thread,
            stack: None,
        })
    }

    /// Threads of these tasks' runtimes that stand still inside a poll of a task that has no record. None where polls
    /// were timed tells how long: those that are somewhere else a moment later go on.
    fn untracked(waiting: &[Reading]) -> Vec<Stranger> {
        let on_workers = waiting.iter().filter(|task| task.kind() != TaskKind::Local);
        let runtimes: HashSet<_> = on_workers.map(|task| task.runtime).collect();
        let look = |thread: u32| {
            let stack = thread::stack_of(thread)?;
            frames_in_task(stack).map(|_| (thread, stack))
        };
        let threads = runtimes.into_iter().filter(|runtime| *runtime != 0);
        let threads = threads.flat_map(pollers::of_runtime).take(MOST);
        let found: Vec<_> = threads.filter_map(look).collect();
        if found.is_empty() {
            return Vec::new();
        }
        std::thread::sleep(STILL);
        let stands = |(thread, stack): &(u32, Stack)| thread::stack_of(*thread) == Some(*stack);
        let standing = found.into_iter().filter(stands);
        let stranger = |(thread, stack)| Stranger {
            task: None,
            thread: thread::describe(thread),
            stack: Some(stack),
        };
        standing.map(stranger).collect()
    }
}

/// Why a task waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// It was woken, or never polled.
    Due,
    /// It was parked, as far as is known, and then asked what it waits for.
    Unasked,
}

fn why_waiting(task: &TaskInfo) -> Option<Waiting> {
    match (task.kind(), task.state()) {
        (TaskKind::Blocking, _) | (_, TaskState::Running | TaskState::Killed) => None,
        (_, TaskState::NeverPolled) => Some(Waiting::Due),
        (TaskKind::Hooked, TaskState::Pending) => {
            let state = task.sight().map(|sight| sight.state);
            (state == Some(SeenState::Runnable)).then_some(Waiting::Due)
        }
        // To ask is to wake: only what was so before tells.
        (_, TaskState::Pending) => task.is_silent().then_some(match task.liveness() {
            Liveness::Runnable => Waiting::Due,
            _ => Waiting::Unasked,
        }),
    }
}

/// Whether the thread that polls `holding` is one that could poll `due`.
fn needs_thread_of(due: &Reading, holding: &Reading) -> bool {
    if due.runtime == 0 || due.runtime != holding.runtime {
        return false;
    }
    let is_local = |task: &Reading| task.kind() == TaskKind::Local;
    match (is_local(due), is_local(holding)) {
        (false, false) => true,
        // A set of local tasks stays on its thread.
        _ => due.poller != 0 && due.poller == holding.poller,
    }
}
