//! A live task's record, as it is copied out of its slot.

use super::origin::OriginId;
use super::slot::{Slot, flag};
use super::{TaskId, TaskKind};
use std::sync::atomic::Ordering::Acquire;

/// Linux numbers its threads up to 2^22.
pub(super) const THREAD_BITS: u32 = 22;
pub(super) const NANOS_PER_MILLI: u64 = 1_000_000;

/// One poll, in [`Slot::state`].
pub(super) const POLL: u64 = 1 << 24;
pub(super) const FLAGS: u64 = POLL - 1;

/// In place of a scope's index: a guard saw the task end, although the runtime has yet to notice.
pub(super) const SETTLED: u32 = u32::MAX;

/// A consistent copy of a live task's record.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) slot: &'static Slot,
    pub(crate) id: TaskId,
    pub(crate) origin: OriginId,
    pub(crate) stack: u32,
    pub(crate) scope: u32,
    pub(crate) runtime: u32,
    pub(crate) flags: u32,
    pub(crate) waited: u32,
    pub(crate) polls: u64,
    pub(crate) parent: Option<TaskId>,
    pub(crate) spawned: u64,
    pub(crate) last_poll: u64,
    pub(crate) poller: u32,
    pub(crate) tokio_id: u64,
}

/// A task's record, but for who answers for it and where it runs, as a queue of words holds it.
pub(super) struct PackedRecord(pub(super) [u64; 8]);

impl PackedRecord {
    /// Of those words of it that [`Slot::pack_birth`] tells.
    #[inline]
    pub(super) fn of_birth(words: [u64; 5]) -> Self {
        let [id, origin, state, parent, spawned] = words;
        Self([id, origin, state, parent, spawned, 0, 0, 0])
    }

    /// The record, if `slot` is where its id says.
    #[inline]
    pub(super) fn unpack(&self, slot: &'static Slot) -> Option<Reading> {
        let [
            id,
            origin,
            state,
            parent,
            spawned,
            waited,
            last_poll,
            tokio_id,
        ] = self.0;
        Some(Reading {
            slot,
            id: TaskId::from_bits(id)?,
            origin: OriginId::from_bits((origin >> 32) as u32),
            stack: origin as u32,
            scope: 0,
            runtime: 0,
            flags: (state & FLAGS) as u32,
            polls: state / POLL,
            waited: waited as u32,
            parent: TaskId::from_bits(parent),
            spawned,
            last_poll: (last_poll >> THREAD_BITS) * NANOS_PER_MILLI,
            poller: (last_poll & ((1 << THREAD_BITS) - 1)) as u32,
            tokio_id,
        })
    }

    /// The flags in the third of its words.
    #[inline]
    pub(super) fn flags_of(state: u64) -> u32 {
        (state & FLAGS) as u32
    }
}

impl Reading {
    pub(super) fn pack(&self) -> PackedRecord {
        let last_poll = (self.last_poll / NANOS_PER_MILLI) << THREAD_BITS;
        PackedRecord([
            self.id.to_bits(),
            u64::from(self.origin.to_bits()) << 32 | u64::from(self.stack),
            (self.polls * POLL) | u64::from(self.flags),
            self.parent.map_or(0, TaskId::to_bits),
            self.spawned,
            u64::from(self.waited),
            last_poll | u64::from(self.poller),
            self.tokio_id,
        ])
    }

    pub(crate) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Whether a guard saw the task end: it is nobody's concern any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.scope == SETTLED
    }

    pub(crate) fn kind(&self) -> TaskKind {
        TaskKind::from_bits(self.flags & flag::KIND)
    }

    /// Whether the same task still lives in the slot.
    pub(crate) fn still_alive(&self) -> bool {
        self.slot.sequence.load(Acquire) == self.id.sequence()
    }
}
