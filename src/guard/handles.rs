//! The runtimes that a verdict can look into.

use crate::registry::{Scope, TrackedRuntime};
use tokio::runtime::Handle;

/// Handles of the runtime that this runs in and of the scope's own, each once.
pub(super) fn in_reach(scope: &'static Scope) -> Vec<(&'static TrackedRuntime, Handle)> {
    let here = Handle::try_current().ok();
    let watched = scope.watched();
    let watched = watched.iter().map(|watched| watched.handle().clone());
    let mut handles: Vec<(&'static TrackedRuntime, Handle)> = Vec::new();
    for handle in here.into_iter().chain(watched) {
        let runtime = TrackedRuntime::of(&handle);
        if handles.iter().all(|(known, _)| known.id() != runtime.id()) {
            handles.push((runtime, handle));
        }
    }
    handles
}
