//! Limits, and the places under them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::oneshot;

/// How many tasks of one name may be alive, and who waits for one to end.
pub(super) struct Limit {
    pub(super) name: Arc<str>,
    size: Mutex<Size>,
}

/// Who comes in is decided under the lock, by nothing but these numbers: so the first who waits is the
/// first who comes in, also if the limit was made smaller meanwhile.
struct Size {
    most: usize,
    /// How many have a place: more than `most` for a while after it was made smaller.
    alive: usize,
    /// The longest first. A place that is sent to one who has given up comes back.
    waiting: VecDeque<oneshot::Sender<Place>>,
    /// At this many, those who have given up are cleared away.
    clear_at: usize,
}

impl Size {
    /// Takes a place, if there is one and nobody waits for it.
    fn take(&mut self) -> bool {
        let is_free = self.waiting.is_empty() && self.alive < self.most;
        self.alive += usize::from(is_free);
        is_free
    }

    /// Takes a place for the first who waits, if there is one.
    fn admit(&mut self) -> Option<oneshot::Sender<Place>> {
        if self.alive >= self.most {
            return None;
        }
        let first = self.waiting.pop_front()?;
        self.alive += 1;
        Some(first)
    }

    fn wait(&mut self) -> oneshot::Receiver<Place> {
        if self.waiting.len() >= self.clear_at {
            self.waiting.retain(|one| !one.is_closed());
            self.clear_at = (2 * self.waiting.len()).max(64);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push_back(sender);
        receiver
    }
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
                    size: Mutex::new(Size {
                        most,
                        alive: 0,
                        waiting: VecDeque::new(),
                        clear_at: 64,
                    }),
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

    fn resize(self: &Arc<Self>, most: usize) {
        self.size().most = most;
        self.admit();
    }

    /// How many may be alive.
    pub(super) fn most(&self) -> usize {
        self.size().most
    }

    /// A place as soon as there is one, first come, first served.
    pub(super) async fn place(self: Arc<Self>) -> Place {
        let place = {
            let mut size = self.size();
            if size.take() { None } else { Some(size.wait()) }
        };
        match place {
            None => Place(Some(self)),
            // Whoever waits keeps the limit, and the limit the sender.
            Some(place) => place.await.expect("a limit drops nobody who waits"),
        }
    }

    /// A place if there is one now.
    pub(super) fn try_place(self: Arc<Self>) -> Option<Place> {
        let has_place = self.size().take();
        has_place.then(|| Place(Some(self)))
    }

    fn end(self: &Arc<Self>) {
        self.size().alive -= 1;
        self.admit();
    }

    /// Lets in who waits, as many as there is room for. Each is woken after the lock is released.
    fn admit(self: &Arc<Self>) {
        loop {
            let Some(first) = self.size().admit() else {
                return;
            };
            if let Err(mut unwanted) = first.send(Place(Some(self.clone()))) {
                // Not by its drop, which would come here again, once for each who has given up.
                unwanted.0 = None;
                self.size().alive -= 1;
            }
        }
    }
}

/// Holds a live task's place under its limit; none once it was given back.
pub(super) struct Place(Option<Arc<Limit>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(limit) = self.0.take() {
            limit.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::pin::pin;

    #[test]
    fn who_waits_first_comes_in_first_though_the_limit_shrinks_meanwhile() {
        let limit = Limit::named("shrinks meanwhile", 2);
        let [one, other] = [0; 2].map(|_| limit.clone().try_place().unwrap());
        let mut first = pin!(limit.clone().place());
        let mut second = pin!(limit.clone().place());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        limit.resize(1);
        drop(one);
        // One is alive, and one may be.
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(other);
        assert!(second.as_mut().now_or_never().is_none(), "it came later");
        let first = first.as_mut().now_or_never().expect("it was there first");
        assert!(limit.clone().try_place().is_none());
        drop(first);
        assert!(second.as_mut().now_or_never().is_some());
    }

    #[test]
    fn nobody_comes_in_before_who_waits() {
        let limit = Limit::named("in a line", 1);
        let held = limit.clone().try_place().unwrap();
        let mut first = pin!(limit.clone().place());
        assert!(first.as_mut().now_or_never().is_none());
        drop(held);
        // The place is its own already, though it has not looked.
        assert!(limit.clone().try_place().is_none());
        assert!(first.as_mut().now_or_never().is_some());
    }

    #[test]
    fn a_place_that_was_given_to_who_gives_up_goes_to_the_next() {
        let limit = Limit::named("given back", 1);
        let held = limit.clone().try_place().unwrap();
        let mut first = Box::pin(limit.clone().place());
        let mut second = pin!(limit.clone().place());
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        // It has the place and does not know.
        drop(held);
        drop(first);
        let place = second.as_mut().now_or_never().expect("it is the next");
        // Many who gave up before.
        for _ in 0..100_000 {
            assert!(limit.clone().place().now_or_never().is_none());
        }
        assert!(limit.size().waiting.len() <= 64);
        drop(place);
        assert!(limit.clone().try_place().is_some());
        assert_eq!(limit.size().alive, 0);
    }
}
