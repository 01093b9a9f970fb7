//! Keeping the runtime's header of a task from going away while somebody takes hold of it.
//!
//! A record says where its task's header is, and the header is there as long as the record: both end
//! with the task's future. But the record may end at any moment, on another thread. So who wants to
//! touch a header announces itself first and then looks whether the task is alive; a task that ends
//! first says so and then looks whether anybody has announced itself. One of the two sees the other.

use super::TaskId;
use super::slot::Slot;
use super::sync::{AtomicU32, Mutex, in_total_order};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

pub(crate) struct Pins {
    /// How many hold the lock below, or are about to.
    announced: AtomicU32,
    lock: Mutex<()>,
}

impl Pins {
    pub(crate) fn new() -> Self {
        Self {
            announced: AtomicU32::new(0),
            lock: Mutex::new(()),
        }
    }

    /// Hands a live task's header to `take`, which must be quick: the task cannot end meanwhile.
    /// Nothing if the task has ended, or its header is not known.
    pub(crate) fn with_header<T>(
        &self,
        slot: &Slot,
        id: TaskId,
        take: impl FnOnce(*const ()) -> T,
    ) -> Option<T> {
        self.announced.fetch_add(1, SeqCst);
        in_total_order();
        let taken = {
            let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            slot.header_of(id).map(take)
        };
        // Pairs with the load in `wait`: who sees nobody sees all that they did.
        self.announced.fetch_sub(1, SeqCst);
        taken
    }

    /// For a task that has just [said that it ends](Slot::vacate_in_sight): returns once nobody
    /// touches its header any more.
    pub(super) fn wait(&self) {
        if self.announced.load(SeqCst) > 0 {
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
