//! Telling a runtime's task hook that the task it sees is one which taskleak spawns itself.

use super::Slot;
use std::cell::Cell;

thread_local! {
    static ANNOUNCED: Cell<Option<Spawned>> = const { Cell::new(None) };
}

/// What is spawned next.
#[derive(Clone, Copy)]
pub(super) enum Spawned {
    /// A tracked task.
    Tracked(&'static Slot),
    /// Nobody's business.
    Probe,
}

/// While it lives, the next task that is spawned on this thread is the announced one.
#[must_use = "the announcement ends with it"]
pub(crate) struct Announced(());

/// Announces that a tracked task is spawned now.
#[inline]
pub(crate) fn announce(slot: &'static Slot) -> Announced {
    announce_any(Spawned::Tracked(slot))
}

/// Announces that something is spawned now which is no task of anybody's.
pub(crate) fn announce_probe() -> Announced {
    announce_any(Spawned::Probe)
}

#[inline]
fn announce_any(spawned: Spawned) -> Announced {
    if cfg!(tokio_unstable) {
        let _ = ANNOUNCED.try_with(|announced| announced.set(Some(spawned)));
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
            if let Some(Spawned::Tracked(announced_slot)) = announced.get()
                && std::ptr::eq(announced_slot, slot)
            {
                announced.set(None);
            }
        });
    }
}

/// What was announced, for the hook that sees it.
#[cfg(tokio_unstable)]
pub(super) fn take() -> Option<Spawned> {
    ANNOUNCED.try_with(Cell::take).ok().flatten()
}
