//! When a scope is open, and when it may be used again.

use super::gate::Gate;
use super::sync::{AtomicU32, Mutex, MutexGuard, in_total_order};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, SeqCst};

/// The lives of one scope, one after the other. A life is over when it has been ended and its last
/// member has left, whichever comes last; exactly one of the two is told, and frees the scope.
pub(crate) struct Life {
    /// Odd: open. Even: closed, perhaps with members left.
    generation: AtomicU32,
    pub(crate) gate: Gate,
    /// Nobody's: on the free list, or in the hands of who took it from there.
    is_free: Mutex<bool>,
}

/// Says whoever ended a life, or left it last, that it is over: the scope is to be freed.
#[must_use = "nobody else frees the scope"]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct IsOver(pub(crate) bool);

impl Life {
    /// Before the first.
    pub(crate) fn new() -> Self {
        Self {
            generation: AtomicU32::new(0),
            gate: Gate::new(),
            is_free: Mutex::new(true),
        }
    }

    /// Begins the next life; only for who took the scope from the free list. Says its generation.
    pub(crate) fn begin(&self) -> u32 {
        self.gate.reset();
        // Both under the lock: a latecomer of the former life must not find a life that is neither
        // free nor open, and free it.
        let mut is_free = self.lock();
        *is_free = false;
        // Pairs with the loads of the generation: who sees the scope open sees its new state.
        self.generation.fetch_add(1, SeqCst).wrapping_add(1)
    }

    /// Ends the life: from now on only its members let anybody in. Only for who began it, once.
    pub(crate) fn end(&self) -> IsOver {
        self.generation.fetch_add(1, SeqCst);
        in_total_order();
        self.is_over()
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Acquire)
    }

    /// Enters somebody who was not let in by a member, if this very life is still open.
    pub(crate) fn admit(&self, generation: u32, background: bool) -> Result<(), IsOver> {
        // First count, then look; `end` does it the other way round. So either this sees the end, or
        // the end sees the new member.
        self.gate.enter(background);
        in_total_order();
        if self.generation.load(SeqCst) == generation {
            return Ok(());
        }
        Err(self.leave(background))
    }

    /// A member leaves.
    pub(crate) fn leave(&self, background: bool) -> IsOver {
        if self.gate.leave(background).members > 0 {
            return IsOver(false);
        }
        // As in `admit`: either this sees the end, or the end sees that nobody is left.
        in_total_order();
        if self.generation.load(SeqCst) % 2 == 1 {
            return IsOver(false);
        }
        self.is_over()
    }

    fn is_over(&self) -> IsOver {
        let mut is_free = self.lock();
        let is_over = self.generation.load(SeqCst).is_multiple_of(2)
            && !*is_free
            && self.gate.count().members == 0;
        *is_free |= is_over;
        IsOver(is_over)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
