//! What happens to tasks, for those who want to be told.
//!
//! A task never waits for whoever is told: an event goes into a bounded queue, or is dropped and
//! counted. While nobody wants events, a task pays for one look at a flag. While somebody does, it
//! pays for some words of its record and one atomic operation; the reader comes by itself, and is woken
//! only for the first event after a time in which there was none.

use super::attention::{self, Flag};
use super::extras::Attached;
use super::ledger::Outcome;
use super::pool;
use super::record::PackedRecord;
use super::ring::Ring;
use super::slot::{Reading, Slot, flag};
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

/// The word of an event's record that has its flags.
const STATE: usize = 2;
/// Of what there are three kinds, in the upper half of a word of the event's record. How a task ended
/// is in its flags.
const KIND: usize = 5;
const STARTED: u64 = 0;
const ENDED: u64 = 1 << 32;
const OVER_TIME: u64 = 2 << 32;
const KINDS: u64 = !(u32::MAX as u64);

/// The number of a kind: of [`STARTED`], [`ENDED`], [`OVER_TIME`].
fn kind(word: u64) -> usize {
    (word >> 32) as usize
}

/// A record's words, and when it happened.
const WORDS: usize = 9;

/// Something that happened to a task, as it lies in the queue: whoever is told reads it out.
#[derive(Clone)]
pub(crate) struct Event {
    words: [u64; WORDS],
    attached: Option<Arc<Attached>>,
}

impl Event {
    #[inline]
    fn record(&self) -> PackedRecord {
        let [id, origin, state, parent, spawned, ref rest @ ..] = self.words;
        let birth = [id, origin, state, parent, spawned];
        if self.kind() == STARTED {
            return PackedRecord::of_birth(birth);
        }
        let [waited, last_poll, tokio_id, _] = *rest;
        let waited = waited & !KINDS;
        PackedRecord([
            id, origin, state, parent, spawned, waited, last_poll, tokio_id,
        ])
    }

    #[inline]
    fn kind(&self) -> u64 {
        self.words[KIND] & KINDS
    }

    #[inline]
    pub(crate) fn what(&self) -> What {
        match self.kind() {
            STARTED => What::Started,
            ENDED => What::Ended(Outcome::of(PackedRecord::flags_of(self.words[STATE]))),
            _ => What::OverTime,
        }
    }

    /// The task as it was then; not who answers for it, nor where it runs.
    #[inline]
    pub(crate) fn task(&self) -> Option<Reading> {
        let slot = pool::get(self.words[0] as u32)?;
        self.record().unpack(slot)
    }

    /// When, on the registry's clock.
    #[inline]
    pub(crate) fn at(&self) -> u64 {
        let [_, _, _, _, spawned, .., at] = self.words;
        if self.kind() == STARTED { spawned } else { at }
    }

    #[inline]
    pub(crate) fn attached(&self) -> Option<&Arc<Attached>> {
        self.attached.as_ref()
    }
}

struct Queue {
    events: Ring<Arc<Attached>, WORDS>,
    /// By kind.
    missed: [AtomicU64; 3],
    /// The reader is about to sleep until somebody wakes it.
    is_asleep: AtomicBool,
    reader: Mutex<Option<Thread>>,
}

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// What anybody wants to be told.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Whoever wants anything wants to know which tasks are over time.
    anything: bool,
    starts: bool,
    ends: bool,
}

impl Wanted {
    pub(crate) const NOTHING: Self = Self {
        anything: false,
        starts: false,
        ends: false,
    };

    pub(crate) fn of(starts: bool, ends: bool) -> Self {
        Self {
            anything: true,
            starts,
            ends,
        }
    }
}

/// Whether anybody wants to be told anything.
#[inline]
pub(super) fn wanted() -> bool {
    attention::now().has(Flag::Told)
}

#[inline]
pub(super) fn starts_are_wanted() -> bool {
    attention::now().has(Flag::Starts)
}

#[inline]
pub(super) fn ends_are_wanted() -> bool {
    attention::now().has(Flag::Ends)
}

/// Tells that a task started; for the owner of its slot.
#[inline(never)]
pub(super) fn tell_start(slot: &'static Slot, attached: Option<Arc<Attached>>) {
    let Some(queue) = QUEUE.get() else { return };
    let [id, origin, state, parent, spawned] = slot.pack_birth();
    put(
        queue,
        [id, origin, state, parent, spawned, STARTED],
        attached,
    );
}

/// Tells that a task ends; for the owner of its slot, before it vacates it: who waits for the task to leave the live
/// set finds the event in the queue.
#[inline(never)]
pub(super) fn tell_end(slot: &'static Slot, attached: Option<Arc<Attached>>) {
    let Some(queue) = QUEUE.get() else { return };
    put(queue, words(slot.pack(), ENDED), attached);
}

/// Tells that a task's time box is over.
pub(super) fn tell_over_time(task: Reading, attached: Arc<Attached>) {
    let Some(queue) = QUEUE.get() else { return };
    put(queue, words(task.pack(), OVER_TIME), Some(attached));
}

#[inline(always)]
fn words(record: PackedRecord, kind: u64) -> [u64; WORDS] {
    let [
        id,
        origin,
        state,
        parent,
        spawned,
        waited,
        last_poll,
        tokio_id,
    ] = record.0;
    let (waited, now) = (waited | kind, super::clock::now());
    [
        id, origin, state, parent, spawned, waited, last_poll, tokio_id, now,
    ]
}

#[inline(always)]
fn put<const SOME: usize>(queue: &Queue, words: [u64; SOME], attached: Option<Arc<Attached>>) {
    if !queue.events.put(words, attached) {
        queue.missed[kind(words[KIND])].fetch_add(1, Relaxed);
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

/// Room for so many events there always is: one who wants few of them must not leave others too little.
pub(crate) const LEAST_ROOM: usize = 32_768;

/// Wants to be told that from now on. The queue is made once, as long as the first who wants it says, if that is
/// more than [`LEAST_ROOM`]. For one caller at a time.
pub(crate) fn want(wanted: Wanted, capacity: usize) {
    if wanted.anything {
        QUEUE.get_or_init(|| Queue {
            events: Ring::new(capacity.max(LEAST_ROOM)),
            missed: Default::default(),
            is_asleep: AtomicBool::new(false),
            reader: Mutex::new(None),
        });
    }
    attention::set(Flag::Told, wanted.anything);
    attention::set(Flag::Starts, wanted.starts);
    attention::set(Flag::Ends, wanted.ends);
}

/// The running thread is the one that reads the events.
pub(crate) fn read_by_this_thread() {
    if let Some(queue) = QUEUE.get() {
        let mut reader = queue.reader.lock().unwrap_or_else(PoisonError::into_inner);
        *reader = Some(std::thread::current());
    }
}

/// The oldest event; only for the one reader.
#[inline]
pub(crate) fn next() -> Option<Event> {
    let has_more = |words: &[u64; WORDS]| PackedRecord::flags_of(words[STATE]) & flag::EXTRAS != 0;
    let (words, attached) = QUEUE.get()?.events.take(has_more)?;
    Some(Event { words, attached })
}

/// The number of the event that [`next`] takes next; only for the one reader. Events are numbered one
/// after the other, but for those that are dropped.
pub(crate) fn next_number() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.events.next_out())
}

/// What happens from now on has this number or a higher one.
pub(crate) fn number_from_now() -> u64 {
    QUEUE.get().map_or(0, |queue| queue.events.next_in())
}

/// How many events were dropped so far: of all, or of those that somebody wants.
pub(crate) fn missed(starts: bool, ends: bool) -> u64 {
    let Some(queue) = QUEUE.get() else { return 0 };
    let of = |word| queue.missed[kind(word)].load(Relaxed);
    let starts = if starts { of(STARTED) } else { 0 };
    let ends = if ends { of(ENDED) } else { 0 };
    starts + ends + of(OVER_TIME)
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

    /// The start or the end of no task in particular.
    pub(crate) fn event(is_start: bool) -> Event {
        let mut words = [0; WORDS];
        words[KIND] = if is_start { STARTED } else { ENDED };
        Event {
            words,
            attached: None,
        }
    }
}
