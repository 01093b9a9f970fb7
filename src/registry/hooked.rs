//! The tasks that their runtime's hooks tell of.
//!
//! A hook is told a task's id and where it was spawned, and no more: so the record of a hooked task
//! lies in a table by that id, from the spawn hook until the terminate hook. Ids are unique among live
//! tasks, on all runtimes.
//!
//! What is known of the hooks, and relied on:
//!
//! - The spawn hook runs on the spawner's thread, once the runtime counts the task as alive and before
//!   the task is scheduled.
//! - The terminate hook runs once a task, also for tasks that the spawn hook was not told of: those of
//!   the blocking pool. It runs before the runtime counts the task out.
//! - A runtime that is shut down refuses a task: it is terminated while it is being spawned, and the
//!   spawn hook is told afterwards. The same can come from another thread that shuts the runtime down
//!   at that moment.
//! - The poll hooks surround every poll on the polling thread. A task that ends otherwise than by its
//!   runtime's shutdown does so between the two.
//!
//! Before tokio 1.46 the spawn hook is not told where. Such a task has no record and is left to the
//! count; what is kept of it is the stack of its spawn, for when the census finds it.
//!
//! Nothing here may panic: a task whose spawn hook panics stays with its runtime and is never run.

use super::entered;
use super::entry::Entry;
use super::numbers::NumberMap;
use super::own_spawn::{self, Spawned};
use super::slot::{Slot, flag};
use super::spawner::{self, Spec};
use super::{TaskKind, TrackedRuntime, current};
use crate::stack::{self, Stack};
use std::cell::{Cell, RefCell};
use std::hash::BuildHasherDefault;
use std::panic::Location;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What the hooks of one runtime know of it.
#[derive(Debug, Default)]
pub(crate) struct HookedRuntime {
    runtime: OnceLock<&'static TrackedRuntime>,
    /// Its shutdown has begun: what is spawned now never runs.
    is_closing: AtomicBool,
}

impl std::fmt::Debug for TrackedRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TrackedRuntime").field(&self.id()).finish()
    }
}

/// A hooked task that lives.
enum Known {
    Task(Entry),
    /// Without a record, since its spawn site is not told.
    Spawned(Stack),
    /// Its entry is with its future, which turned out to be marked.
    Claimed,
}

impl Known {
    fn task(&self) -> Option<&'static Slot> {
        match self {
            Self::Task(entry) => Some(entry.slot()),
            Self::Spawned(_) | Self::Claimed => None,
        }
    }
}

type Shard = NumberMap<u64, Known>;

const SHARDS: usize = 64;

#[repr(align(64))]
struct Aligned(Mutex<Shard>);

static TASKS: [Aligned; SHARDS] = [const {
    Aligned(Mutex::new(
        NumberMap::with_hasher(BuildHasherDefault::new()),
    ))
}; SHARDS];

fn shard(id: u64) -> MutexGuard<'static, Shard> {
    TASKS[id as usize % SHARDS]
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// A poll of a hooked task on this thread.
struct Poll {
    id: u64,
    /// None once the task has ended, and while its future has its entry.
    task: Option<&'static Slot>,
    outer: Option<&'static Slot>,
}

thread_local! {
    /// The polls on this thread, one inside the other.
    static POLLS: RefCell<Vec<Poll>> = const { RefCell::new(Vec::new()) };
    /// The task that this thread saw end last, if no hook saw it begin and nothing else was seen since.
    static REFUSED: Cell<u64> = const { Cell::new(0) };
}

fn take_refused() -> u64 {
    REFUSED.try_with(|refused| refused.replace(0)).unwrap_or(0)
}

impl HookedRuntime {
    /// The runtime has been built.
    pub(crate) fn is(&self, runtime: &'static TrackedRuntime) {
        let _ = self.runtime.set(runtime);
    }

    /// Its shutdown begins.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, SeqCst);
    }

    /// The running code has spawned a task, at this location if that is told.
    pub(crate) fn spawned(&self, id: u64, location: Option<&'static Location<'static>>) {
        let own = own_spawn::take();
        if take_refused() == id {
            return;
        }
        match own {
            None => {}
            Some(Spawned::Tracked(task)) => {
                // It is not scheduled yet, so its record lives.
                task.set_tokio_id(id);
                return;
            }
            Some(Spawned::Probe) => return,
        }
        if !crate::config::is_on() {
            return;
        }
        let known = match location {
            Some(location) => self.begin(id, location),
            None if spawner::backtraces_are_wanted() => stack::capture().map(Known::Spawned),
            None => None,
        };
        let Some(known) = known else { return };
        // Of a task with the same id the end was not seen, but it has ended.
        let former = shard(id).insert(id, known);
        drop(former);
        // If another thread shuts the runtime down, its terminate hook may have come before the
        // insertion; then this sees the flag.
        if self.is_closing.load(SeqCst) {
            drop(remove(id));
        }
    }

    fn begin(&self, id: u64, location: &'static Location<'static>) -> Option<Known> {
        let spec = Spec::new(TaskKind::Hooked, location, "");
        let runtime = self.runtime.get().copied().or_else(TrackedRuntime::current);
        let entry = Entry::begin_hooked(spec, runtime);
        entry.slot().set_tokio_id(id);
        Some(Known::Task(entry))
    }

    /// A task has ended.
    pub(crate) fn terminated(&self, id: u64) {
        let known = remove(id);
        let in_its_poll = leave_poll(id);
        let known = match known {
            Some(Known::Spawned(_)) => return,
            Some(known) => known,
            None => {
                let _ = REFUSED.try_with(|refused| refused.set(id));
                return;
            }
        };
        if !in_its_poll {
            self.close();
        }
        if let Some(task) = known.task() {
            // Whether it returned, panicked or was aborted, a hook is not told.
            const ENDED: u32 = flag::COMPLETED | flag::PANICKED;
            if !in_its_poll {
                task.set_flags(flag::SHUT_DOWN, flag::POLLING);
            } else if task.flags() & ENDED == 0 {
                task.set_flags(flag::COMPLETED, flag::POLLING);
            }
        }
        drop(known);
    }
}

/// The stack of the spawn of a live task that has no record, if its runtime's hook could be told no more and it was
/// spawned while a guard was open.
pub(crate) fn spawn_backtrace(id: u64) -> Option<Stack> {
    match shard(id).get(&id)? {
        Known::Spawned(stack) => Some(*stack),
        Known::Task(_) | Known::Claimed => None,
    }
}

fn remove(id: u64) -> Option<Known> {
    shard(id).remove(&id)
}

/// Ends the task's poll on this thread early, since the task is no more. False if there is none.
fn leave_poll(id: u64) -> bool {
    let left = POLLS.try_with(|polls| {
        let mut polls = polls.borrow_mut();
        let poll = polls.last_mut().filter(|poll| poll.id == id)?;
        Some(poll.task.take().map(|_| poll.outer))
    });
    match left {
        Ok(Some(Some(outer))) => {
            current::swap_task(outer);
            true
        }
        Ok(Some(None)) => true,
        Ok(None) | Err(_) => false,
    }
}

/// Takes the entry of the task whose poll is the innermost one on this thread; it is no longer the
/// current task then.
pub(super) fn take_polled(task: &'static Slot) -> Option<Entry> {
    let id = innermost(|poll| {
        poll.task
            .is_some_and(|polled| std::ptr::eq(polled, task))
            .then_some(poll.id)
    })?;
    let Some(Known::Task(entry)) = shard(id).insert(id, Known::Claimed) else {
        return None;
    };
    leave_poll(id);
    Some(entry)
}

/// Takes an entry back that was taken by [`take_polled`], if the task's poll is the innermost one on
/// this thread: its end is still to come. Any other entry is dropped.
pub(super) fn give_back(entry: Entry) {
    let task = entry.slot();
    let id = task.tokio_id();
    let is_polled = innermost(|poll| (poll.id == id && poll.task.is_none()).then_some(()));
    if is_polled.is_none() || !entry.was_claimed() {
        return drop(entry);
    }
    let former = shard(id).insert(id, Known::Task(entry));
    drop(former);
    let _ = POLLS.try_with(|polls| {
        if let Some(poll) = polls.borrow_mut().last_mut() {
            poll.task = Some(task);
            current::swap_task(Some(task));
        }
    });
}

fn innermost<T>(tell: impl FnOnce(&Poll) -> Option<T>) -> Option<T> {
    POLLS
        .try_with(|polls| polls.borrow().last().and_then(tell))
        .ok()
        .flatten()
}

/// A task is going to be polled on this thread.
pub(crate) fn poll_begins(id: u64) {
    take_refused();
    let task = match shard(id).get(&id) {
        Some(Known::Spawned(_)) | None => return,
        Some(known) => known.task(),
    };
    let outer = match task {
        Some(task) => {
            // Who polls the task knows that its record lives.
            entered::begin_poll(task);
            current::swap_task(Some(task))
        }
        None => current::task(),
    };
    let poll = Poll { id, task, outer };
    let _ = POLLS.try_with(|polls| polls.borrow_mut().push(poll));
}

/// It has been polled.
pub(crate) fn poll_ended(id: u64) {
    let poll = POLLS.try_with(|polls| {
        let mut polls = polls.borrow_mut();
        let is_innermost = polls.last().is_some_and(|poll| poll.id == id);
        is_innermost.then(|| polls.pop()).flatten()
    });
    if let Ok(Some(Poll {
        task: Some(task),
        outer,
        ..
    })) = poll
    {
        current::swap_task(outer);
        // A part of it that was marked may have returned or panicked, and the task goes on.
        task.set_flags(0, flag::POLLING | flag::COMPLETED | flag::PANICKED);
    }
}
