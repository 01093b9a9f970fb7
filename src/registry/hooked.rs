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
//! Nothing here may panic: a task whose spawn hook panics stays with its runtime and is never run.

use super::entry::{Entry, Spec};
use super::slot::{Slot, flag};
use super::{TaskInfo, TaskKind, TrackedRuntime, current, own_spawn};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
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

/// Task ids are consecutive numbers, which spread well as they are.
#[derive(Default)]
struct Consecutive(u64);

impl Hasher for Consecutive {
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Shard = HashMap<u64, Entry, BuildHasherDefault<Consecutive>>;

const SHARDS: usize = 64;

#[repr(align(64))]
struct Aligned(Mutex<Shard>);

static TASKS: [Aligned; SHARDS] =
    [const { Aligned(Mutex::new(HashMap::with_hasher(BuildHasherDefault::new()))) }; SHARDS];

fn shard(id: u64) -> MutexGuard<'static, Shard> {
    TASKS[id as usize % SHARDS]
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// A poll of a hooked task on this thread.
struct Poll {
    id: u64,
    /// None once the task has ended.
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

    /// The running code has spawned a task.
    pub(crate) fn spawned(&self, id: u64, location: &'static Location<'static>) {
        let own = own_spawn::take();
        if take_refused() == id {
            return;
        }
        if let Some(own) = own {
            // It is not scheduled yet, so its record lives.
            own.set_tokio_id(id);
            return;
        }
        let spec = Spec::new(TaskKind::Hooked, location, "");
        let runtime = self.runtime.get().copied().or_else(TrackedRuntime::current);
        let entry = Entry::begin_hooked(spec, runtime);
        entry.slot().set_tokio_id(id);
        // Of a task with the same id the end was not seen, but it has ended.
        let former = shard(id).insert(id, entry);
        drop(former);
        // If another thread shuts the runtime down, its terminate hook may have come before the
        // insertion; then this sees the flag.
        if self.is_closing.load(SeqCst) {
            drop(remove(id));
        }
    }

    /// A task has ended.
    pub(crate) fn terminated(&self, id: u64) {
        let entry = remove(id);
        let in_its_poll = leave_poll(id);
        if let Some(entry) = &entry {
            if !in_its_poll {
                self.close();
                record_killed(entry);
            }
        } else {
            let _ = REFUSED.try_with(|refused| refused.set(id));
        }
        drop(entry);
    }
}

/// Remembers a task that its runtime's shutdown killed, if its scope wants to know. One that nobody
/// marked is left out: it may have been woken or aborted, and have had no turn to end in.
fn record_killed(entry: &Entry) {
    if let Some(scope) = entry.scope()
        && scope.keeps_killed()
        && let Some(reading) = entry.slot().read()
        && reading.kind() != TaskKind::Hooked
        && let Some(task) = TaskInfo::of(&reading)
    {
        scope.add_killed(task.killed());
    }
}

fn remove(id: u64) -> Option<Entry> {
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

/// A task is going to be polled on this thread.
pub(crate) fn poll_begins(id: u64) {
    take_refused();
    let Some(task) = shard(id).get(&id).map(Entry::slot) else {
        return;
    };
    // Who polls the task knows that its record lives.
    task.begin_poll();
    let outer = current::swap_task(Some(task));
    let poll = Poll {
        id,
        task: Some(task),
        outer,
    };
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
        task.set_flags(0, flag::POLLING);
    }
}
