//! Where slots come from: a table that only grows, and a free list with a small cache a thread.

use super::local;
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
const _: () = assert!(CACHE.is_power_of_two());

struct Free {
    slots: Vec<&'static Slot>,
    /// Indices below this one are in the table.
    made: u32,
}

/// A stack of vacant slots; a `Vec` in a `RefCell` would cost thrice as much.
pub(super) struct Cache {
    len: Cell<usize>,
    /// How many there may be: none until it is seen to that they are given back, nor after that.
    room: Cell<usize>,
    slots: [Cell<Option<&'static Slot>>; CACHE],
}

impl Cache {
    pub(super) const fn new() -> Self {
        Self {
            len: Cell::new(0),
            room: Cell::new(0),
            slots: [const { Cell::new(None) }; CACHE],
        }
    }

    /// A vacant slot, the caller's until it gives it back; none if others have to be asked.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<&'static Slot> {
        let last = self.len.get().checked_sub(1)?;
        self.len.set(last);
        // There are never more than there is room for: the mask only saves a look at that.
        self.slots[last & (CACHE - 1)].get()
    }

    /// Keeps a vacated slot, if there is room for it.
    #[inline(always)]
    pub(super) fn push(&self, slot: &'static Slot) -> bool {
        let len = self.len.get();
        if len >= self.room.get() {
            return false;
        }
        self.slots[len & (CACHE - 1)].set(Some(slot));
        self.len.set(len + 1);
        true
    }

    /// Takes some from the others; none if nothing is kept here.
    #[cold]
    #[inline(never)]
    fn refill_and_pop(&self) -> Option<&'static Slot> {
        let mut free = lock_free();
        free.make_if_empty();
        for _ in 0..CACHE / 2 {
            let Some(slot) = free.slots.pop() else { break };
            if !self.push(slot) {
                return Some(slot);
            }
        }
        self.pop()
    }

    pub(super) fn give_all_back(&self) {
        self.room.set(0);
        let mut free = lock_free();
        while let Some(slot) = self.pop() {
            free.slots.push(slot);
        }
    }
}

/// A vacant slot, the caller's until it gives it back.
pub(super) fn take() -> &'static Slot {
    local::with(|local| {
        local.slots.pop().or_else(|| {
            make_room(local);
            local.slots.refill_and_pop()
        })
    })
    .flatten()
    .unwrap_or_else(|| {
        let mut free = lock_free();
        free.make_if_empty();
        free.slots.pop().expect("a chunk of slots was just made")
    })
}

/// Gives a vacated slot back; not one whose tasks' ids would be given again.
pub(super) fn give_back(slot: &'static Slot) {
    if slot.is_used_up() {
        return;
    }
    let is_kept = local::with(|local| {
        if local.slots.push(slot) {
            return true;
        }
        make_room(local);
        if local.slots.len.get() >= CACHE / 2 {
            let mut free = lock_free();
            for _ in 0..CACHE / 2 {
                free.slots.extend(local.slots.pop());
            }
        }
        local.slots.push(slot)
    });
    if is_kept != Some(true) {
        lock_free().slots.push(slot);
    }
}

fn make_room(local: &local::Local) {
    let room = if local.may_keep() { CACHE } else { 0 };
    local.slots.room.set(room);
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
