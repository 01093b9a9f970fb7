//! Waiting for tasks to end.

use super::attention::{self, Flag, Wanted};
use tokio::sync::Notify;

static WAITING: Wanted = Wanted::new(Flag::Awaited);
static ENDED: Notify = Notify::const_new();

/// A task has left the live set.
#[inline]
pub(super) fn tell() {
    if attention::now().has(Flag::Awaited) {
        ENDED.notify_waiters();
    }
}

/// While it lives, the ends of tasks can be awaited.
pub(crate) struct Ends(());

impl Ends {
    pub(crate) fn watch() -> Self {
        WAITING.enter();
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
        WAITING.leave();
    }
}
