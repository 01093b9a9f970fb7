//! Whether a local task is among those that its runtime counts.

use crate::registry::{Entry, Slot, entry};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::AbortHandle;

/// What the runtime counted before a local task was spawned.
///
/// A `LocalSet`'s tasks are in no runtime's count, a `LocalRuntime`'s are in its own, and no public interface tells
/// where `spawn_local` puts one: only the count itself. A `LocalRuntime` has this thread only; where there are workers,
/// they raise the count as well, and it is a `LocalSet`.
pub(super) struct LocalCount {
    /// None if nobody judges the task, or there is no runtime.
    before: Option<(&'static Slot, usize)>,
}

impl LocalCount {
    /// Before the task of this entry is spawned.
    pub(super) fn before(entry: &Entry) -> Self {
        let before = entry
            .scope()
            .and_then(|_| alive())
            .map(|alive| (entry.slot(), alive));
        Self { before }
    }

    /// It was spawned, by this thread, which alone can end it.
    pub(super) fn after(self, task: impl FnOnce() -> AbortHandle) {
        let Some((slot, before)) = self.before else {
            return;
        };
        // On a runtime that is shut down it has ended already, and its slot may be another's.
        if alive().is_some_and(|alive| alive > before) && !task().is_finished() {
            entry::is_counted(slot);
        }
    }
}

fn alive() -> Option<usize> {
    let handle = Handle::try_current().ok()?;
    let is_alone = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
    is_alone.then(|| handle.metrics().num_alive_tasks())
}
