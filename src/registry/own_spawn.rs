//! Telling a runtime's task hook that the task it sees is one which taskleak spawns itself.

use super::Slot;
use std::cell::Cell;

thread_local! {
    static ANNOUNCED: Cell<Option<&'static Slot>> = const { Cell::new(None) };
}

/// While it lives, the next task that is spawned on this thread is the announced one.
#[must_use = "the announcement ends with it"]
pub(crate) struct Announced(());

/// Announces that a tracked task is spawned now.
#[inline]
pub(crate) fn announce(slot: &'static Slot) -> Announced {
    if cfg!(tokio_unstable) {
        let _ = ANNOUNCED.try_with(|announced| announced.set(Some(slot)));
    }
    Announced(())
}

impl Drop for Announced {
    #[inline]
    fn drop(&mut self) {
        if cfg!(tokio_unstable) {
            let _ = ANNOUNCED.try_with(|announced| announced.set(None));
        }
    }
}

/// The tracked task's future is being dropped: if it was announced, its runtime has refused it, and
/// what its destructor spawns is another task.
#[inline]
pub(crate) fn refused(slot: &'static Slot) {
    if cfg!(tokio_unstable) {
        let _ = ANNOUNCED.try_with(|announced| {
            if announced
                .get()
                .is_some_and(|announced| std::ptr::eq(announced, slot))
            {
                announced.set(None);
            }
        });
    }
}

/// The task that was announced, for the hook that sees it.
#[cfg(tokio_unstable)]
pub(super) fn take() -> Option<&'static Slot> {
    ANNOUNCED.try_with(Cell::take).ok().flatten()
}
