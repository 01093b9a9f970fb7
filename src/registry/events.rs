//! What happens to tasks, for those who want to be told.
//!
//! A task never waits for whoever is told: an event goes into a bounded queue, or is dropped and
//! counted. While nobody wants events, a task pays for one look at a flag.

use super::extras::Attached;
use super::ledger::Outcome;
use super::slot::Reading;
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
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

static WANTED: AtomicBool = AtomicBool::new(false);
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Whether anybody wants to be told.
#[inline]
pub(super) fn wanted() -> bool {
    WANTED.load(Relaxed)
}

/// Tells that something happened to a task.
#[cold]
pub(super) fn tell(what: What, task: Reading, attached: Option<Arc<Attached>>) {
    let Some(queue) = QUEUE.get() else { return };
    let at = super::clock::now();
    let event = Event {
        what,
        task,
        attached,
        at,
    };
    if queue.events.push(event).is_err() {
        queue.missed.fetch_add(1, Relaxed);
    }
    // The reader looks at the queue after it said that it is about to sleep. Should this see neither,
    // on a processor where a push is no full barrier, the reader looks again a little later.
    if queue.is_asleep.load(Relaxed) && queue.is_asleep.swap(false, SeqCst) {
        wake();
    }
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

/// Wants to be told from now on, or no longer. The queue is made once, as long as the first who
/// wants it says.
pub(crate) fn want(wanted: bool, capacity: usize) {
    if wanted {
        QUEUE.get_or_init(|| Queue {
            events: ArrayQueue::new(capacity.max(1)),
            missed: AtomicU64::new(0),
            is_asleep: AtomicBool::new(false),
            reader: Mutex::new(None),
        });
    }
    WANTED.store(wanted, SeqCst);
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
