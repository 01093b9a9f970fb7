//! Who is woken when an assisted task is.

use super::visit::Reach;
use crate::registry::Scope;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Whom the task's wakers wake.
pub(super) enum Wakes {
    /// The runtime, by a waker of its own, once it has polled the task.
    Runtime(Option<Waker>),
    /// The runtime, and the guard that has polled the task.
    Both(Arc<WakeBoth>),
}

impl Wakes {
    /// The runtime polls the task with this waker.
    pub(super) fn polled_by_runtime(&mut self, waker: &Waker) {
        match self {
            Self::Runtime(known) => {
                if known.as_ref().is_none_or(|known| !known.will_wake(waker)) {
                    *known = Some(waker.clone());
                }
            }
            Self::Both(both) => both.polled_by_runtime(waker),
        }
    }

    /// For a guard that polls the task, which may wait for the scope to be notified.
    pub(super) fn both(&mut self, scope: Option<&'static Scope>) -> &Arc<WakeBoth> {
        if let Self::Runtime(waker) = self {
            *self = Self::Both(Arc::new(WakeBoth {
                due: AtomicBool::new(false),
                consumed: AtomicBool::new(false),
                runtime: Mutex::new(waker.take()),
                scope,
            }));
        }
        match self {
            Self::Both(both) => both,
            Self::Runtime(_) => unreachable!("just replaced"),
        }
    }

    /// Whether a guard's poll is due since the last one. The mark is taken.
    pub(super) fn take_due(&self) -> bool {
        match self {
            Self::Runtime(_) => false,
            // Pairs with the store in `wake_by_ref`.
            Self::Both(both) => both.due.swap(false, AcqRel),
        }
    }

    /// Whether a guard has polled the task since the runtime last did: that the runtime still has it
    /// queued means nothing new.
    pub(super) fn is_consumed(&self) -> bool {
        match self {
            Self::Runtime(_) => false,
            Self::Both(both) => both.consumed.load(Acquire),
        }
    }

    /// The runtime's waker.
    pub(super) fn runtime(&self) -> Option<Waker> {
        match self {
            Self::Runtime(waker) => waker.clone(),
            Self::Both(both) => both.lock_runtime().clone(),
        }
    }

    pub(super) fn reach(&self) -> Reach {
        match self {
            Self::Runtime(waker) => Reach {
                own: usize::from(waker.is_some()),
                wakeable: false,
            },
            Self::Both(both) => Reach {
                own: usize::from(both.lock_runtime().is_some()),
                wakeable: Arc::strong_count(both) > 1 || both.due.load(Acquire),
            },
        }
    }
}

/// Wakes the guard that drives the task and the runtime that owns it.
pub(super) struct WakeBoth {
    due: AtomicBool,
    /// See [`Wakes::is_consumed`].
    consumed: AtomicBool,
    runtime: Mutex<Option<Waker>>,
    /// Wakes the guard's thread, if it waits.
    scope: Option<&'static Scope>,
}

impl WakeBoth {
    /// A guard polls the task, by a waker that is this.
    pub(super) fn consume(self: &Arc<Self>) -> Waker {
        self.consumed.store(true, Release);
        Waker::from(self.clone())
    }

    fn polled_by_runtime(&self, waker: &Waker) {
        self.due.store(false, Release);
        self.consumed.store(false, Release);
        let mut runtime = self.lock_runtime();
        match &mut *runtime {
            Some(known) if known.will_wake(waker) => {}
            known => {
                let old = known.replace(waker.clone());
                drop(runtime);
                drop(old);
            }
        }
    }

    fn lock_runtime(&self) -> MutexGuard<'_, Option<Waker>> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for WakeBoth {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Pairs with the swap in `take_due`: the poll that follows sees what the waker's caller did.
        self.due.store(true, Release);
        if let Some(scope) = self.scope {
            scope.gate().notify();
        }
        let runtime = self.lock_runtime().clone();
        if let Some(waker) = runtime {
            waker.wake();
        }
    }
}
