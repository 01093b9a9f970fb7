//! Equal stacks become one number.
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::addresses::Addresses;
use super::frame::Frame;
use super::slow_path::SlowPath;
use crate::table::Table;

/// Buckets of the hash table. It does not grow: with a hundred thousand distinct stacks, far more than a program has
/// places to spawn from, a bucket holds six.
const BUCKETS: usize = 1 << 14;

/// What is kept for each distinct stack, for good.
pub(super) struct Record {
    hash: u64,
    /// The id of the next record in the same bucket, 0 at the end.
    next: u32,
    pub(super) addresses: Box<[usize]>,
    pub(super) frames: OnceLock<Box<[Frame]>>,
}

/// A hash table from stacks to ids and an append-only table back. A stack that is known is found without a lock and
/// without allocating; a new one takes the lock.
pub(super) struct Interner {
    /// The id of each bucket's newest record, 0 if empty. A `Release` store here, after the record is in `records`,
    /// pairs with the `Acquire` load in `find`.
    buckets: [AtomicU32; BUCKETS],
    records: Table<OnceLock<Record>>,
    /// The id given out last.
    last: Mutex<u32>,
}

/// The one interner of the process.
pub(super) static INTERNER: Interner = Interner::new();

impl Interner {
    const fn new() -> Self {
        Self {
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
            records: Table::new(),
            last: Mutex::new(0),
        }
    }

    /// The record of an id, if the id was given out.
    #[inline]
    pub(super) fn record(&self, id: NonZeroU32) -> Option<&Record> {
        self.records.get(id.get() - 1)?.get()
    }

    /// The id of a stack that has been seen before.
    #[inline]
    pub(super) fn find(&self, stack: &Addresses) -> Option<NonZeroU32> {
        let mut next = self.bucket(stack.hash()).load(Ordering::Acquire);
        while let Some(id) = NonZeroU32::new(next) {
            let record = self.record(id)?;
            if record.hash == stack.hash() && *record.addresses == *stack.as_slice() {
                return Some(id);
            }
            next = record.next;
        }
        None
    }

    /// Adds a stack that [`find`](Self::find) did not know. `None` when all ids are used up, and inside another slow
    /// path.
    #[cold]
    pub(super) fn insert(&self, stack: &Addresses) -> Option<NonZeroU32> {
        let _slow_path = SlowPath::enter()?;
        // Nothing panics while the lock is held, except when memory runs out; the table is whole even then.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = self.find(stack) {
            return Some(id);
        }
        let id = NonZeroU32::new(last.checked_add(1)?)?;
        let bucket = self.bucket(stack.hash());
        let record = Record {
            hash: stack.hash(),
            next: bucket.load(Ordering::Relaxed),
            addresses: stack.as_slice().into(),
            frames: OnceLock::new(),
        };
        self.records.grow(id.get() - 1, |_| OnceLock::new());
        self.records.get(id.get() - 1)?.set(record).ok()?;
        *last = id.get();
        bucket.store(id.get(), Ordering::Release);
        Some(id)
    }

    /// The id of a stack, new or not.
    pub(super) fn intern(&self, stack: &Addresses) -> Option<NonZeroU32> {
        self.find(stack).or_else(|| self.insert(stack))
    }

    #[inline]
    fn bucket(&self, hash: u64) -> &AtomicU32 {
        // Fold the halves: the top bits of the rolling hash alone depend little on the outermost frames.
        let folded = hash ^ (hash >> 32);
        &self.buckets[(folded as usize ^ (folded >> 14) as usize) % BUCKETS]
    }
}
