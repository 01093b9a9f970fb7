//! Where slots come from: a table that only grows, and a free list with a small cache a thread.

use super::slot::Slot;
use super::table::Table;
use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

static SLOTS: Table<Slot> = Table::new();
static FREE: Mutex<Free> = Mutex::new(Free {
    slots: Vec::new(),
    made: 0,
});

/// How many slots a thread keeps for itself, and half of which it takes or gives back at once.
const CACHE: usize = 64;

struct Free {
    slots: Vec<&'static Slot>,
    /// Indices below this one are in the table.
    made: u32,
}

struct Cache(Vec<&'static Slot>);

impl Drop for Cache {
    fn drop(&mut self) {
        lock_free().slots.append(&mut self.0);
    }
}

thread_local! {
    static CACHED: RefCell<Cache> = const { RefCell::new(Cache(Vec::new())) };
}

/// A vacant slot, the caller's until it gives it back.
pub(super) fn take() -> &'static Slot {
    CACHED
        .try_with(|cache| {
            let cache = &mut cache.borrow_mut().0;
            if cache.is_empty() {
                refill(cache, CACHE / 2);
            }
            cache.pop()
        })
        .ok()
        .flatten()
        .unwrap_or_else(|| {
            // The thread is ending and its cache is gone.
            let mut one = Vec::new();
            refill(&mut one, 1);
            one.pop().expect("refill adds at least one slot")
        })
}

/// Gives a vacated slot back.
pub(super) fn give_back(slot: &'static Slot) {
    let kept = CACHED.try_with(|cache| {
        let cache = &mut cache.borrow_mut().0;
        if cache.len() == CACHE {
            lock_free().slots.extend(cache.drain(CACHE / 2..));
        }
        cache.push(slot);
    });
    if kept.is_err() {
        lock_free().slots.push(slot);
    }
}

/// Every slot ever made, vacant ones included.
pub(super) fn all() -> impl Iterator<Item = &'static Slot> {
    SLOTS.iter()
}

/// The slot of an index that a task id names.
pub(super) fn get(index: u32) -> Option<&'static Slot> {
    SLOTS.get(index)
}

fn refill(cache: &mut Vec<&'static Slot>, count: usize) {
    let mut free = lock_free();
    if free.slots.is_empty() {
        let chunk = SLOTS.grow(free.made, Slot::vacant);
        free.made += u32::try_from(chunk.len()).expect("a chunk's length fits its index type");
        // Last in, first out: low indices are handed out first.
        free.slots.extend(chunk.iter().rev());
    }
    let from = free.slots.len().saturating_sub(count);
    cache.extend(free.slots.drain(from..));
}

fn lock_free() -> std::sync::MutexGuard<'static, Free> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}
