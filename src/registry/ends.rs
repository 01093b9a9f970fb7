//! Waiting for tasks to end.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use tokio::sync::Notify;

static WAITING: AtomicUsize = AtomicUsize::new(0);
static ENDED: Notify = Notify::const_new();

/// Whether anybody waits for the end of a task.
#[inline]
pub(super) fn are_awaited() -> bool {
    WAITING.load(Relaxed) > 0
}

/// A task has left the live set.
#[inline]
pub(super) fn tell() {
    if are_awaited() {
        ENDED.notify_waiters();
    }
}

/// While it lives, the ends of tasks can be awaited.
pub(crate) struct Ends(());

impl Ends {
    pub(crate) fn watch() -> Self {
        WAITING.fetch_add(1, SeqCst);
        Self(())
    }

    /// Resolves when a task has ended since the call. An end at the very moment of the first call may
    /// be missed: look again after a while.
    pub(crate) fn next(&self) -> impl Future<Output = ()> + use<> {
        ENDED.notified()
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, SeqCst);
    }
}
