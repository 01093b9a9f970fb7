//! Time boxes of tasks that are being spawned.

use crate::registry::slot::flag;
use crate::registry::{Entry, Slot, TaskId, timebox};
use tokio::task::AbortHandle;

/// A task about to be spawned that may have a time box; or none.
pub(super) struct Timed(Option<(&'static Slot, TaskId)>);

impl Timed {
    pub(super) fn none() -> Self {
        Self(None)
    }

    #[inline]
    pub(super) fn of(entry: &Entry) -> Self {
        let may_be = entry.slot().flags() & flag::EXTRAS != 0;
        Self(may_be.then(|| (entry.slot(), entry.slot().id())))
    }

    /// Watches the time box from now on: the task was handed over, and may have ended.
    #[inline]
    pub(super) fn watch(self, task: impl FnOnce() -> AbortHandle) {
        if let Some((slot, id)) = self.0 {
            timebox::watch(slot, id, task);
        }
    }
}
