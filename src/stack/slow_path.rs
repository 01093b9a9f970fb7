//! Keeps a capture from starting inside another one.
use std::cell::Cell;

thread_local! {
    /// Whether this thread is where a capture allocates or holds a lock.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Held while a capture does what is not allowed to happen twice at a time on one thread: allocating and locking.
///
/// An allocator or a signal handler may itself capture a stack. Nested in here it gets none, rather than a deadlock.
pub(super) struct SlowPath(());

impl SlowPath {
    /// `None` if this thread already is inside.
    pub(super) fn enter() -> Option<Self> {
        // The flag has no destructor, so it outlives every other thread-local; `try_with` for platforms where not.
        let was_busy = BUSY.try_with(|busy| busy.replace(true)).unwrap_or(true);
        (!was_busy).then_some(Self(()))
    }
}

impl Drop for SlowPath {
    fn drop(&mut self) {
        let _ = BUSY.try_with(|busy| busy.set(false));
    }
}
