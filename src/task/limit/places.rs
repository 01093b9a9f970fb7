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
        if let Ok(permit) = self.room.acquire().await {
            permit.forget();
        }
        Place(self)
    }

    /// A place if there is one now.
    pub(super) fn try_place(self: Arc<Self>) -> Option<Place> {
        self.room.try_acquire().ok()?.forget();
        Some(Place(self))
    }

    fn end(&self) {
        let mut size = self.size();
        let makes_room = size.surplus == 0;
        size.surplus -= usize::from(!makes_room);
        drop(size);
        self.room.add_permits(usize::from(makes_room));
    }
}

/// Holds a live task's place under its limit.
pub(super) struct Place(Arc<Limit>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end();
    }
}
