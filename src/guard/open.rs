//! An open guard, in whoever's hands it is.

use super::verdict::Verdict;
use super::{Options, counted, handover, strays};
use crate::config;
use crate::registry::scope::Watched;
use crate::registry::{Scope, ScopeRef, current, spawner};
use crate::report::LeakReport;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use tokio::runtime::Handle;

/// What an open guard holds.
#[derive(Debug)]
pub(crate) struct Open {
    scope: ScopeRef,
    place: current::Place,
    /// Whether the scope is no longer current at its place.
    left_place: AtomicBool,
    outer: ScopeRef,
    pub(crate) options: Options,
}

impl Open {
    pub(crate) fn new(label: Arc<str>) -> Self {
        let outer = current::scope();
        let place = current::place();
        let reference = Scope::open(label, outer, place);
        let scope = reference
            .open()
            .expect("a scope is open until its guard closes it");
        if !handover::is_within(outer) {
            scope.set_assisted();
            if let Ok(handle) = Handle::try_current() {
                watch_if_own(scope, reference, &handle);
            }
        }
        current::set_scope(place, reference);
        if config::get().backtraces == config::Backtraces::Guarded {
            spawner::request_backtraces();
        }
        Self {
            scope: reference,
            place,
            left_place: AtomicBool::new(false),
            outer,
            options: Options::new(),
        }
    }

    pub(super) fn outer(&self) -> ScopeRef {
        self.outer
    }

    pub(crate) fn reference(&self) -> ScopeRef {
        self.scope
    }

    pub(crate) fn scope(&self) -> &'static Scope {
        self.scope
            .open()
            .expect("a scope is open until its guard closes it")
    }

    /// New tasks of the place where the guard was opened are not its concern any more.
    pub(crate) fn leave_place(&self) {
        if !self.left_place.swap(true, Relaxed) {
            current::unset_scope(self.place, self.scope, self.outer);
        }
    }

    /// Ends the guard with what it has to say.
    pub(super) fn close_with(mut self, report: LeakReport) -> Verdict {
        let mut options = std::mem::take(&mut self.options);
        drop(self);
        if let Some(cleanup) = options.cleanup.take()
            && catch_unwind(AssertUnwindSafe(|| cleanup(&report))).is_err()
        {
            crate::note::say("a guard's cleanup function panicked");
        }
        Verdict {
            report,
            action: options.action_or_default(),
        }
    }
}

/// Closes the scope, with or without a verdict: also when whoever holds the guard is cut off.
impl Drop for Open {
    fn drop(&mut self) {
        self.leave_place();
        if config::get().backtraces == config::Backtraces::Guarded {
            spawner::release_backtraces();
        }
        self.scope().close();
    }
}

/// A runtime that nobody has used before is the guard's: it counts what nobody tracked.
fn watch_if_own(scope: &'static Scope, reference: ScopeRef, handle: &Handle) {
    strays::keep_claimed(handle);
    let watched = Watched::in_all(handle);
    let runtime = watched.runtime();
    if runtime.is_current_thread() {
        scope.watch(watched.beside_what_is_there());
    } else if runtime.was_claimed() || counted::there_already(&watched) > 0 {
        // A multi-thread runtime that has tasks already which nobody tracked may well be one that a whole test binary
        // shares, and then what nobody tracked there is nobody's. Tasks that began while nobody judged count as such.
        scope.leave_uncounted();
    } else {
        scope.watch(watched);
    }
    runtime.claim(reference);
}
