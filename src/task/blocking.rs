//! Closures on the blocking pool.

use super::timed::Timed;
use crate::registry::{Entry, Spec, TrackedRuntime, first_poll_begins};

/// Registers a closure that is about to be handed to `runtime`'s blocking pool: the closure to hand
/// over in its place, and its time box. The record lives as long as it does, also if it never runs.
pub(super) fn tracked<F, R>(
    spec: Spec,
    runtime: Option<&'static TrackedRuntime>,
    function: F,
) -> (impl FnOnce() -> R + Send + 'static, Timed)
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let entry = super::is_tracked(&spec).then(|| Entry::begin(spec, |_| runtime));
    let timed = entry.as_ref().map_or_else(Timed::none, Timed::of);
    let tracked = move || {
        // Named first, so that a closure that never runs is dropped before its record.
        let function = function;
        let entered = entry.as_ref().map(|entry| {
            let (entered, _) = entry.enter();
            first_poll_begins(entry.slot());
            entered
        });
        let output = function();
        if let Some(entered) = entered {
            entered.returned(true);
        }
        output
    };
    (tracked, timed)
}
