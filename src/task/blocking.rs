//! Closures on the blocking pool.

use crate::registry::{Entry, Spec, TrackedRuntime};

/// Registers the closure and hands it to the pool, whose handle comes back.
#[track_caller]
pub(super) fn run<F, R, H>(
    spec: Spec,
    runtime: impl FnOnce(Option<&'static TrackedRuntime>) -> Option<&'static TrackedRuntime>,
    function: F,
    hand_over: impl FnOnce(Box<dyn FnOnce() -> R + Send>) -> H,
) -> H
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    if !super::is_on() {
        return hand_over(Box::new(function));
    }
    let entry = Entry::begin(spec, runtime);
    hand_over(Box::new(move || {
        let entered = entry.enter();
        let output = function();
        entered.returned(true);
        output
    }))
}
