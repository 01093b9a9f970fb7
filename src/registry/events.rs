//! What happens to tasks, for those who want to be told.
//!
//! A task never waits for whoever is told: an event goes into a bounded queue, or is dropped and
//! counted. While nobody wants events, a task pays for one look at a flag. While somebody does, it
//! pays for a copy of its record and one atomic operation; the reader comes by itself, and is woken
//! only for the first event after a time in which there was none.

use super::TaskId;
use super::extras::Attached;
use super::ledger::Outcome;
use super::slot::{Reading, Slot};
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Started,
    Ended(Outcome),
    OverTime,
}

#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) what: What,
    /// The task as it was then.
    pub(crate) task: Reading,
    pub(crate) attached: Option<Arc<Attached>>,
    /// When, on the registry's clock.
    pub(crate) at: u64,
}

struct Queue {
    events: ArrayQueue<Event>,
    missed: AtomicU64,
    /// The reader is about to sleep until somebody wakes it.
    is_asleep: AtomicBool,
    reader: Mutex<Option<Thread>>,
}

static WANTED: AtomicU8 = AtomicU8::new(0);
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// What anybody wants to be told.
#[derive(Clone, Copy)]
pub(crate) struct Wanted(u8);

impl Wanted {
    pub(crate) const NOTHING: Self = Self(0);
    /// Whoever wants anything wants to know which tasks are over time.
    const SOMETHING: u8 = 1;
    const STARTS: u8 = 1 << 1;
    const ENDS: u8 = 1 << 2;

    pub(crate) fn of(starts: bool, ends: bool) -> Self {
        let starts = if starts { Self::STARTS } else { 0 };
        let ends = if ends { Self::ENDS } else { 0 };
        Self(Self::SOMETHING | starts | ends)
    }
}

/// Whether anybody wants to be told anything.
#[inline]
pub(super) fn wanted() -> bool {
    WANTED.load(Relaxed) != 0
}

#[inline]
pub(super) fn starts_are_wanted() -> bool {
    WANTED.load(Relaxed) & Wanted::STARTS != 0
}

#[inline]
pub(super) fn ends_are_wanted() -> bool {
    WANTED.load(Relaxed) & Wanted::ENDS != 0
}

/// Tells that a task started or ended; for the owner of its slot, before it gives it back.
#[inline(never)]
pub(super) fn tell_of(
    what: What,
    slot: &'static Slot,
    id: TaskId,
    attached: Option<Arc<Attached>>,
) {
    let Some(queue) = QUEUE.get() else { return };
    let task = slot.read_owned(id);
    let at = match what {
        What::Started => task.spawned,
        What::Ended(_) | What::OverTime => super::clock::now(),
    };
    put(
        queue,
        Event {
            what,
            task,
            attached,
            at,
        },
    );
}

/// Tells that a task's time box is over.
pub(super) fn tell_over_time(task: Reading, attached: Arc<Attached>) {
    let Some(queue) = QUEUE.get() else { return };
    put(
        queue,
        Event {
            what: What::OverTime,
            task,
            attached: Some(attached),
            at: super::clock::now(),
        },
    );
}

#[inline]
fn put(queue: &Queue, event: Event) {
    if queue.events.push(event).is_err() {
        queue.missed.fetch_add(1, Relaxed);
    }
    // The reader looks at the queue after it said that it is about to sleep. Should this see neither,
    // on a processor where a push is no full barrier, the reader looks again a little later.
    if queue.is_asleep.load(Relaxed) && queue.is_asleep.swap(false, SeqCst) {
        wake_sleeper();
    }
}

/// Wakes the reader, which takes a system call.
#[cold]
fn wake_sleeper() {
    #[cfg(test)]
    tests::WOKEN.fetch_add(1, Relaxed);
    wake();
}

/// Wakes the reader.
pub(crate) fn wake() {
    if let Some(queue) = QUEUE.get() {
        let reader = queue.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = reader.as_ref() {
            reader.unpark();
        }
    }
}

/// Wants to be told that from now on. The queue is made once, as long as the first who
/// wants it says.
pub(crate) fn want(wanted: Wanted, capacity: usize) {
    if wanted.0 != 0 {
        QUEUE.get_or_init(|| Queue {
            events: ArrayQueue::new(capacity.max(1)),
            missed: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            reader: Mutex::new(None),
        });
    }
    WANTED.store(wanted.0, SeqCst);
}

/// The running thread is the one that reads the events.
pub(crate) fn read_by_this_thread() {
    if let Some(queue) = QUEUE.get() {
        let mut reader = queue.reader.lock().unwrap_or_else(PoisonError::into_inner);
        *reader = Some(std::thread::current());
    }
}

/// The oldest event; only for the one reader.
pub(crate) fn next() -> Option<Event> {
    QUEUE.get()?.events.pop()
}

/// How many events were dropped so far.
pub(crate) fn missed() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.missed.load(Relaxed))
}

/// Sleeps until there is an event, or [`wake`] is called, or for no reason; only for the one reader.
pub(crate) fn sleep(at_most: Duration) {
    let Some(queue) = QUEUE.get() else { return };
    queue.is_asleep.store(true, SeqCst);
    if queue.events.is_empty() {
        std::thread::park_timeout(at_most);
    }
    queue.is_asleep.store(false, SeqCst);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// How often a task had to wake the reader.
    pub(crate) static WOKEN: AtomicU64 = AtomicU64::new(0);
}
