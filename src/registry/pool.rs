//! Where slots come from: a table that only grows, and a free list with a small cache a thread.

use super::slot::Slot;
use crate::table::Table;
use std::cell::Cell;
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

/// A stack of vacant slots; a `Vec` in a `RefCell` would cost thrice as much.
struct Cache {
    len: Cell<usize>,
    slots: [Cell<Option<&'static Slot>>; CACHE],
}

impl Cache {
    #[inline]
    fn pop(&self) -> Option<&'static Slot> {
        let last = self.len.get().checked_sub(1)?;
        self.len.set(last);
        self.slots.get(last)?.get()
    }

    /// Whether there was room for it.
    #[inline]
    fn push(&self, slot: &'static Slot) -> bool {
        let len = self.len.get();
        let Some(place) = self.slots.get(len) else {
            return false;
        };
        place.set(Some(slot));
        self.len.set(len + 1);
        true
    }

    #[cold]
    #[inline(never)]
    fn refill_and_pop(&self) -> Option<&'static Slot> {
        let mut free = lock_free();
        free.make_if_empty();
        for _ in 0..CACHE / 2 {
            let Some(slot) = free.slots.pop() else { break };
            self.push(slot);
        }
        self.pop()
    }

    #[cold]
    #[inline(never)]
    fn push_after_giving_half_back(&self, slot: &'static Slot) {
        let mut free = lock_free();
        for _ in 0..CACHE / 2 {
            free.slots.extend(self.pop());
        }
        self.push(slot);
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let mut free = lock_free();
        while let Some(slot) = self.pop() {
            free.slots.push(slot);
        }
    }
}

thread_local! {
    static CACHED: Cache = const {
        Cache {
            len: Cell::new(0),
            slots: [const { Cell::new(None) }; CACHE],
        }
    };
}

/// A vacant slot, the caller's until it gives it back.
#[inline]
pub(super) fn take() -> &'static Slot {
    CACHED
        .try_with(|cache| cache.pop().or_else(|| cache.refill_and_pop()))
        .ok()
        .flatten()
        .unwrap_or_else(take_without_cache)
}

/// The thread is ending and its cache is gone.
#[cold]
#[inline(never)]
fn take_without_cache() -> &'static Slot {
    let mut free = lock_free();
    free.make_if_empty();
    free.slots.pop().expect("a chunk of slots was just made")
}

/// Gives a vacated slot back; not one whose tasks' ids would be given again.
#[inline]
pub(super) fn give_back(slot: &'static Slot) {
    if slot.is_used_up() {
        return;
    }
    let kept = CACHED.try_with(|cache| {
        if !cache.push(slot) {
            cache.push_after_giving_half_back(slot);
        }
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

impl Free {
    fn make_if_empty(&mut self) {
        if self.slots.is_empty() {
            let chunk = SLOTS.grow(self.made, Slot::vacant);
            self.made += u32::try_from(chunk.len()).expect("a chunk's length fits its index type");
            // Last in, first out: low indices are handed out first.
            self.slots.extend(chunk.iter().rev());
        }
    }
}

fn lock_free() -> std::sync::MutexGuard<'static, Free> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    /// Its last task has had the last of its ids.
    #[test]
    fn a_slot_without_further_ids_is_not_used_again() {
        // A thread of its own has a cache of its own: what it gives back it gets next.
        let test = || {
            let used = take();
            give_back(used);
            assert!(std::ptr::eq(take(), used));
            used.sequence.store(u32::MAX, Relaxed);
            used.vacate();
            give_back(used);
            assert!(!std::ptr::eq(take(), used));
        };
        std::thread::spawn(test).join().unwrap();
    }
}
