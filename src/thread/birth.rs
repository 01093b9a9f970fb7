//! Whose a thread is that is about to be started.

use crate::registry::{ScopeRef, TrackedRuntime, current};
use crate::stack::{self, Stack};
use std::cell::Cell;
use tokio::runtime::Handle;

thread_local! {
    /// The scope that answers for this thread, and so for the threads that it starts.
    static OWN: Cell<ScopeRef> = const { Cell::new(ScopeRef::NONE) };
}

/// The scope and the stack that a thread comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    pub(super) scope: ScopeRef,
    pub(super) stack: Stack,
}

impl Birth {
    /// A thread that the running code starts; `None` if no guard answers for it.
    pub(super) fn here() -> Option<Self> {
        let scope = scope();
        if scope.is_none() {
            return None;
        }
        let stack = stack::capture()?;
        Some(Self { scope, stack })
    }

    /// Called on the thread itself.
    pub(super) fn settle_here(self) {
        let _ = OWN.try_with(|own| own.set(self.scope));
    }
}

/// As for a task that is spawned here. What a thread starts is its own scope's; but the threads of a runtime
/// run anybody's code, so there the runtime's owner is asked, as for a task.
fn scope() -> ScopeRef {
    let current = current::scope().innermost_open();
    if !current.is_none() {
        return current;
    }
    let scope = if Handle::try_current().is_ok() {
        TrackedRuntime::current().map_or(ScopeRef::NONE, TrackedRuntime::owner)
    } else {
        OWN.try_with(Cell::get).unwrap_or(ScopeRef::NONE)
    };
    scope.innermost_open()
}
