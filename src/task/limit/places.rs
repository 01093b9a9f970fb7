//! Limits, and the places under them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Semaphore;

/// How many tasks of one name may be alive, and who waits for one to end.
pub(super) struct Limit {
    pub(super) name: Arc<str>,
    /// As many permits as there is room.
    room: Semaphore,
    size: Mutex<Size>,
}

/// Permits are added after the lock is released, since that wakes who waits. If the limit is made
/// smaller in between, such a permit is one too many: who gets it while there is a surplus pays with it
/// and has no place.
struct Size {
    most: usize,
    /// So many tasks are alive beyond `most`, since it was made smaller: their end makes no room.
    surplus: usize,
}

/// Limits are kept by whoever needs them: builders and live tasks.
static LIMITS: Mutex<Option<Limits>> = Mutex::new(None);

#[derive(Default)]
struct Limits {
    by_name: HashMap<Arc<str>, Weak<Limit>>,
    /// At this many, those that nobody needs any more are cleared away.
    clear_at: usize,
}

impl Limit {
    /// The limit of a name; from now on it is `most`.
    pub(super) fn named(name: &str, most: usize) -> Arc<Self> {
        let most = most.min(Semaphore::MAX_PERMITS);
        let limit = {
            let mut limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
            let limits = limits.get_or_insert_default();
            let known = limits.by_name.get(name).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                if limits.by_name.len() >= limits.clear_at {
                    limits.by_name.retain(|_, limit| limit.strong_count() > 0);
                    limits.clear_at = (2 * limits.by_name.len()).max(64);
                }
                let limit = Arc::new(Self {
                    name: name.into(),
                    room: Semaphore::new(most),
                    size: Mutex::new(Size { most, surplus: 0 }),
                });
                limits
                    .by_name
                    .insert(limit.name.clone(), Arc::downgrade(&limit));
                limit
            })
        };
        limit.resize(most);
        limit
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resize(&self, most: usize) {
        let mut size = self.size();
        let room = if most >= size.most {
            let more = most - size.most;
            let paid = more.min(size.surplus);
            size.surplus -= paid;
            more - paid
        } else {
            let fewer = size.most - most;
            size.surplus += fewer - self.room.forget_permits(fewer);
            0
        };
        size.most = most;
        drop(size);
        // Wakes who waits: not under the lock.
        self.room.add_permits(room);
    }

    /// How many may be alive.
    pub(super) fn most(&self) -> usize {
        self.size().most
    }

    /// A place as soon as there is one, first come, first served.
    pub(super) async fn place(self: Arc<Self>) -> Place {
        loop {
            if let Ok(permit) = self.room.acquire().await {
                permit.forget();
            }
            if self.has_place() {
                return Place(self);
            }
        }
    }

    /// A place if there is one now.
    pub(super) fn try_place(self: Arc<Self>) -> Option<Place> {
        loop {
            self.room.try_acquire().ok()?.forget();
            if self.has_place() {
                return Some(Place(self));
            }
        }
    }

    /// Whether a permit that was just taken is a place.
    fn has_place(&self) -> bool {
        !self.pay_surplus()
    }

    fn end(&self) {
        let makes_room = !self.pay_surplus();
        self.room.add_permits(usize::from(makes_room));
    }

    /// One task fewer is alive, or one permit fewer there: whether the surplus is now one less.
    fn pay_surplus(&self) -> bool {
        let mut size = self.size();
        let has_surplus = size.surplus > 0;
        size.surplus -= usize::from(has_surplus);
        has_surplus
    }
}

/// Holds a live task's place under its limit.
pub(super) struct Place(Arc<Limit>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task ends: it is decided that this makes room, then the limit is made smaller, and only then
    /// is the permit there.
    #[test]
    fn a_limit_made_smaller_while_a_task_ends_holds() {
        let limit = Limit::named("smaller meanwhile", 2);
        let [first, second] = [0; 2].map(|_| limit.clone().try_place().unwrap());
        assert!(!limit.pay_surplus());
        limit.resize(1);
        limit.room.add_permits(1);
        std::mem::forget(first);
        assert!(limit.clone().try_place().is_none(), "one is alive");
        drop(second);
        let third = limit.clone().try_place();
        assert!(third.is_some() && limit.clone().try_place().is_none());
    }
}
