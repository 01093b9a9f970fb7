//! One live task's record.

use super::TaskId;
use super::judges::Watch;
use super::origin::OriginId;
use super::record::{FLAGS, NANOS_PER_MILLI, POLL, PackedRecord, SETTLED, THREAD_BITS};
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, fence};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

pub(crate) use super::record::Reading;

/// A task's record: written by the spawner and then by whoever polls the task, read by anybody.
///
/// It is a seqlock without the lock: `sequence` is odd while the slot holds a live task and moves on
/// at every birth and death. Readers copy the fields and keep the copy only if `sequence` stood
/// still ([`Slot::read`]). All fields are atomics, so a torn copy is thrown away, never undefined.
pub(crate) struct Slot {
    index: u32,
    /// Odd: a live task. The pair (sequence, index) is the task's id.
    pub(super) sequence: AtomicU32,
    origin: AtomicU32,
    stack: AtomicU32,
    /// Index of the scope that answers for the task, 0 for none (any more: a guard saw it end before
    /// the runtime did). A live task keeps its scope.
    scope: AtomicU32,
    /// Index of the runtime, 0 for unknown.
    runtime: AtomicU32,
    /// Milliseconds from the spawn to the first poll, plus one; 0 if it was not timed.
    waited: AtomicU32,
    /// What others want of the task, or do to it: the bits of [`request`].
    pub(super) requests: AtomicU32,
    /// The flags, and above them ([`POLL`]) how many polls have begun: one word, since a poll changes
    /// both. One thread writes it at a time: the owner, or who polls the task.
    state: AtomicU64,
    parent: AtomicU64,
    spawned: AtomicU64,
    /// When and on which thread the last poll began that was timed: see [`timed_poll`].
    last_poll: AtomicU64,
    /// tokio's number for the task, 0 until its first poll.
    tokio_id: AtomicU64,
    /// tokio's header of the task, null until its first poll; see [`pin`](super::pin).
    pub(super) header: AtomicPtr<()>,
}

/// The bits of [`Slot::requests`], which anybody may set.
pub(crate) mod request {
    /// Somebody wants to know what the task waits for: its next poll is to be a traced one.
    pub(crate) const TRACE: u32 = 1 << 0;
    /// The task's memory is being looked at: its end has to wait.
    pub(crate) const PINNED: u32 = 1 << 1;
}

/// What a poll is, seen from its beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begun {
    First,
    Again,
    /// Not one of the task's own: somebody wants to know what it waits for.
    Traced,
}

/// A poll that begins `now`, here: the milliseconds of the clock, which is no finer, and below them the
/// thread. One word, since every live task has it.
fn timed_poll(now: u64) -> u64 {
    let thread = u64::from(super::poller::id()) & ((1 << THREAD_BITS) - 1);
    (now / NANOS_PER_MILLI) << THREAD_BITS | thread
}

/// The bits of [`Slot::flags`]. The low two bits and [`flag::HOOKED`] are the [`TaskKind`].
pub(crate) mod flag {
    pub(crate) const KIND: u32 = 0b11 | HOOKED;
    /// Declared to live on.
    pub(crate) const BACKGROUND: u32 = 1 << 2;
    /// Has an entry in the table of extras.
    pub(crate) const EXTRAS: u32 = 1 << 3;
    /// A guard was opened inside this task, so its spawns may belong to another scope than itself.
    pub(crate) const HOSTS_GUARD: u32 = 1 << 4;
    /// Being polled (or, for a blocking task, running) right now.
    pub(crate) const POLLING: u32 = 1 << 5;
    /// Its future returned its output.
    pub(crate) const COMPLETED: u32 = 1 << 6;
    /// Its future panicked.
    pub(crate) const PANICKED: u32 = 1 << 7;
    /// The runtime counts it as one of its alive tasks.
    pub(crate) const COUNTED: u32 = 1 << 8;
    /// Some scope answers for the task, or did so: without it, none ever has.
    pub(crate) const SCOPED: u32 = 1 << 9;
    /// Known by its runtime's task hooks only.
    pub(crate) const HOOKED: u32 = 1 << 16;
    /// Was, until its future turned out to be marked.
    pub(crate) const CLAIMED: u32 = 1 << 17;
    /// Its runtime was shut down before its future returned.
    pub(crate) const SHUT_DOWN: u32 = 1 << 15;
}

/// What a spawner writes into a fresh slot.
pub(super) struct Birth {
    pub(super) origin: OriginId,
    pub(super) stack: u32,
    pub(super) scope: u32,
    pub(super) runtime: u32,
    pub(super) flags: u32,
    pub(super) parent: u64,
}

impl Slot {
    pub(super) fn vacant(index: u32) -> Self {
        Self {
            index,
            sequence: AtomicU32::new(0),
            origin: AtomicU32::new(0),
            stack: AtomicU32::new(0),
            scope: AtomicU32::new(0),
            runtime: AtomicU32::new(0),
            waited: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            state: AtomicU64::new(0),
            parent: AtomicU64::new(0),
            spawned: AtomicU64::new(0),
            last_poll: AtomicU64::new(0),
            tokio_id: AtomicU64::new(0),
            header: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The id of the task that lives here. Only its owner may ask: nobody else knows it still lives.
    pub(crate) fn id(&self) -> TaskId {
        TaskId::new(self.sequence.load(Relaxed), self.index)
    }

    /// The id of the task that lived here until now. Only for its owner, who has vacated it.
    pub(super) fn last_id(&self) -> TaskId {
        TaskId::new(self.sequence.load(Relaxed).wrapping_sub(1), self.index)
    }

    /// Makes a vacant slot a live task. Only the one who took the slot from the pool may call it.
    #[inline(always)]
    pub(super) fn occupy(&self, birth: &Birth) {
        self.prepare(birth);
        self.come_to_life(birth.runtime);
    }

    /// The first half of [`occupy`](Self::occupy): all but what has to be asked for.
    #[inline(always)]
    pub(super) fn prepare(&self, birth: &Birth) {
        // Pairs with the fence in `read`: who sees one of the stores below also sees that the
        // sequence left the value it had for the slot's former task.
        fence(Release);
        self.origin.store(birth.origin.to_bits(), Relaxed);
        self.stack.store(birth.stack, Relaxed);
        self.scope.store(birth.scope, Relaxed);
        self.state.store(u64::from(birth.flags), Relaxed);
        self.waited.store(0, Relaxed);
        self.parent.store(birth.parent, Relaxed);
        self.last_poll.store(0, Relaxed);
        self.tokio_id.store(0, Relaxed);
        self.header.store(std::ptr::null_mut(), Relaxed);
    }

    /// The second half: the task is spawned now, on this runtime.
    #[inline(always)]
    pub(super) fn come_to_life(&self, runtime: u32) {
        self.runtime.store(runtime, Relaxed);
        self.spawned.store(super::clock::now(), Relaxed);
        // Pairs with the first load in `read`: who sees the new sequence sees the new fields.
        self.sequence
            .store(self.sequence.load(Relaxed).wrapping_add(1), Release);
    }

    /// Ends the task that lives here. Only its owner may call it, once.
    #[inline]
    pub(super) fn vacate(&self) {
        self.sequence
            .store(self.sequence.load(Relaxed).wrapping_add(1), Release);
    }

    /// Whether as many tasks have lived here as there are ids. Only for its owner, who has vacated it.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        self.sequence.load(Relaxed) == 0
    }

    /// How many tasks have come to live here and ended: it only grows, until there are no further ids.
    pub(super) fn changes(&self) -> u32 {
        self.sequence.load(Acquire)
    }

    /// A copy of the live task's record, or nothing if none lives here (or it ended meanwhile).
    pub(crate) fn read(&'static self) -> Option<Reading> {
        let sequence = self.sequence.load(Acquire);
        if sequence.is_multiple_of(2) {
            return None;
        }
        let reading = self.copy(TaskId::new(sequence, self.index));
        // Pairs with the fence in `occupy`.
        fence(Acquire);
        (self.sequence.load(Relaxed) == sequence).then_some(reading)
    }

    /// The words of [`PackedRecord`] that a task has from its birth on. Only its owner may ask.
    #[inline(always)]
    pub(super) fn pack_birth(&self) -> [u64; 5] {
        [
            self.id().to_bits(),
            u64::from(self.origin.load(Relaxed)) << 32 | u64::from(self.stack.load(Relaxed)),
            self.state.load(Relaxed),
            self.parent.load(Relaxed),
            self.spawned.load(Relaxed),
        ]
    }

    /// The record of the task that lives here in a few words. Only its owner may ask.
    #[inline(always)]
    pub(super) fn pack(&self) -> PackedRecord {
        let [id, origin, state, parent, spawned] = self.pack_birth();
        PackedRecord([
            id,
            origin,
            state,
            parent,
            spawned,
            u64::from(self.waited.load(Relaxed)),
            self.last_poll.load(Relaxed),
            self.tokio_id.load(Relaxed),
        ])
    }

    #[inline]
    fn copy(&'static self, id: TaskId) -> Reading {
        let state = self.state.load(Relaxed);
        let last_poll = self.last_poll.load(Relaxed);
        Reading {
            slot: self,
            id,
            origin: OriginId::from_bits(self.origin.load(Relaxed)),
            stack: self.stack.load(Relaxed),
            scope: self.scope.load(Relaxed),
            runtime: self.runtime.load(Relaxed),
            flags: (state & FLAGS) as u32,
            polls: state / POLL,
            waited: self.waited.load(Relaxed),
            parent: TaskId::from_bits(self.parent.load(Relaxed)),
            spawned: self.spawned.load(Relaxed),
            last_poll: (last_poll >> THREAD_BITS) * NANOS_PER_MILLI,
            poller: (last_poll & ((1 << THREAD_BITS) - 1)) as u32,
            tokio_id: self.tokio_id.load(Relaxed),
        }
    }

    #[inline]
    pub(crate) fn flags(&self) -> u32 {
        (self.state.load(Relaxed) & FLAGS) as u32
    }

    /// Changes the flags. Only the task's owner, or who polls it, may: there is one writer at a time.
    #[inline]
    pub(crate) fn set_flags(&self, set: u32, clear: u32) {
        let state = self.state.load(Relaxed);
        self.state
            .store((state & !u64::from(clear)) | u64::from(set), Relaxed);
    }

    #[inline]
    pub(super) fn scope(&self) -> u32 {
        self.scope.load(Relaxed)
    }

    /// The scope that answers for the task; only its owner may ask.
    pub(crate) fn scope_entry(&self) -> Option<&'static super::Scope> {
        super::scope::by_index(self.scope())
    }

    /// Takes the task off its scope; says which that was. A swap, since the guard that does this and
    /// the runtime that polls the task write the other fields side by side.
    pub(super) fn leave_scope(&self) -> u32 {
        self.scope.swap(SETTLED, Relaxed)
    }

    /// The runtime the task was spawned on; only its owner, or code that it runs, may ask.
    #[inline]
    pub(super) fn runtime_entry(&self) -> Option<&'static super::TrackedRuntime> {
        super::TrackedRuntime::by_index(self.runtime.load(Relaxed))
    }

    /// The same by its index, 0 for unknown.
    #[inline]
    pub(super) fn runtime_index(&self) -> u32 {
        self.runtime.load(Relaxed)
    }

    #[inline]
    pub(super) fn origin(&self) -> OriginId {
        OriginId::from_bits(self.origin.load(Relaxed))
    }

    /// The stack at its spawn; for who polls it.
    pub(super) fn stack(&self) -> u32 {
        self.stack.load(Relaxed)
    }

    /// The task that spawned it; only its owner, or code that it runs, may ask.
    pub(super) fn parent(&self) -> Option<TaskId> {
        TaskId::from_bits(self.parent.load(Relaxed))
    }

    /// Says anew where the task comes from, as one that was not polled yet. Only for who polls it.
    pub(super) fn begin_anew(&self, origin: OriginId, stack: u32, parent: u64, flags: u32) {
        self.origin.store(origin.to_bits(), Relaxed);
        self.stack.store(stack, Relaxed);
        self.parent.store(parent, Relaxed);
        self.state.store(u64::from(flags), Relaxed);
    }

    /// Moves the task to another scope; says which it was in. Only for who polls it.
    pub(super) fn change_scope(&self, scope: u32) -> u32 {
        self.scope.swap(scope, Relaxed)
    }

    /// Notes that the first poll begins `now`.
    pub(super) fn time_first_poll(&self, now: u64) {
        let waited = now.saturating_sub(self.spawned.load(Relaxed)) / NANOS_PER_MILLI;
        let waited = u32::try_from(waited).unwrap_or(u32::MAX).saturating_add(1);
        self.waited.store(waited, Relaxed);
    }

    #[cfg_attr(not(tokio_unstable), allow(dead_code, reason = "for task hooks"))]
    pub(super) fn tokio_id(&self) -> u64 {
        self.tokio_id.load(Relaxed)
    }

    pub(super) fn set_tokio_id(&self, id: u64) {
        self.tokio_id.store(id, Relaxed);
    }

    /// Notes that a guard polls the task in its runtime's place, which is none of the task's own polls.
    pub(super) fn begin_assisted_poll(&self) {
        self.set_flags(flag::POLLING, 0);
    }

    /// Notes that a poll begins and says which. There is one poller at a time, so no
    /// read-modify-write is needed.
    #[inline]
    pub(super) fn begin_poll(&self) -> Begun {
        let state = self.state.load(Relaxed);
        let watch = super::judges::watch();
        if watch.is_kept() && self.begin_watched_poll(watch, state) {
            return Begun::Traced;
        }
        self.state
            .store((state + POLL) | u64::from(flag::POLLING), Relaxed);
        if state < POLL {
            Begun::First
        } else {
            Begun::Again
        }
    }

    /// What a poll has to do that somebody watches. Says whether it is a traced one.
    #[inline(never)]
    fn begin_watched_poll(&self, watch: Watch, state: u64) -> bool {
        if watch.is_traced() && state >= POLL && self.is_wanted() {
            self.begin_assisted_poll();
            return true;
        }
        if watch.is_judged() {
            let now = super::clock::now();
            self.last_poll.store(timed_poll(now), Relaxed);
            if state < POLL {
                self.time_first_poll(now);
            }
        }
        false
    }

    /// Notes that a traced poll begins, if polls are timed now; says what was noted before. For who polls the task.
    pub(crate) fn time_traced_poll(&self) -> u64 {
        let before = self.last_poll.load(Relaxed);
        if super::judges::watch().is_judged() {
            self.last_poll
                .store(timed_poll(super::clock::now()), Relaxed);
        }
        before
    }

    /// The traced poll is over, and was none of the task's own.
    pub(crate) fn end_traced_poll(&self, before: u64) {
        self.last_poll.store(before, Relaxed);
    }

    /// Whether somebody wants to know what the task waits for.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        self.requests.load(Relaxed) & request::TRACE != 0
    }

    /// Sets or takes back requests. Who sets one has told where the answer is to go before.
    pub(crate) fn request(&self, set: u32, clear: u32) {
        self.requests.fetch_or(set, Relaxed);
        self.requests.fetch_and(!clear, Relaxed);
    }
}
