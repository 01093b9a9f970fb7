//! Which of a thread's blocks are known already.

use super::spawn_sites;
use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    /// Whether the next block on this thread that can be a task is a tracked one.
    static TRACKED_IS_NEXT: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, the thread hands a task to tokio that is tracked: the block that tokio puts it into needs
/// no backtrace, since its spawn has one.
pub(crate) struct Turn {
    is_set: bool,
    _not_send: PhantomData<*const ()>,
}

impl Turn {
    /// For one spawn, which allocates no other task before its own.
    #[inline]
    pub(crate) fn of_tracked() -> Self {
        let is_set = spawn_sites::is_in_place();
        if is_set {
            let _ = TRACKED_IS_NEXT.try_with(|next| next.set(true));
        }
        Self {
            is_set,
            _not_send: PhantomData,
        }
    }

    /// Whether the block that was just allocated is that task.
    #[inline]
    pub(super) fn is_tracked() -> bool {
        // The cell has no destructor, so it outlives every other thread-local.
        TRACKED_IS_NEXT.try_with(Cell::take).unwrap_or(false)
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        if self.is_set {
            let _ = TRACKED_IS_NEXT.try_with(Cell::take);
        }
    }
}
