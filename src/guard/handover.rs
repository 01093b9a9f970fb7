//! Guards that end inside a test which taskleak runs itself hand their verdict to that test: it can
//! go on driving the runtime, which a destructor cannot.

use super::open::Open;
use crate::registry::ScopeRef;
use std::sync::{Mutex, MutexGuard, PoisonError};

static HARNESSES: Mutex<Vec<Harness>> = Mutex::new(Vec::new());

struct Harness {
    scope: ScopeRef,
    handed_over: Vec<Open>,
}

fn lock() -> MutexGuard<'static, Vec<Harness>> {
    HARNESSES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A test that takes verdicts, until it has taken them or is cut off.
pub(crate) struct Accepting(ScopeRef);

impl Accepting {
    /// The test with this scope takes verdicts from now on.
    pub(crate) fn begin(scope: ScopeRef) -> Self {
        lock().push(Harness {
            scope,
            handed_over: Vec::new(),
        });
        Self(scope)
    }

    /// It does so no longer; what it was handed.
    pub(crate) fn finish(self) -> Vec<Open> {
        self.take()
    }

    fn take(&self) -> Vec<Open> {
        let mut harnesses = lock();
        let Some(at) = harnesses.iter().position(|harness| harness.scope == self.0) else {
            return Vec::new();
        };
        harnesses.swap_remove(at).handed_over
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Whether a guard opened within this scope is inside such a test.
pub(super) fn is_within(scope: ScopeRef) -> bool {
    let harnesses = lock();
    !harnesses.is_empty() && around(&harnesses, scope).is_some()
}

/// Hands a guard over, or back if there is nobody to take it.
pub(super) fn hand_over(open: Open) -> Result<(), Open> {
    let mut harnesses = lock();
    match around(&harnesses, open.outer()) {
        Some(at) => {
            harnesses[at].handed_over.push(open);
            Ok(())
        }
        None => Err(open),
    }
}

fn around(harnesses: &[Harness], mut scope: ScopeRef) -> Option<usize> {
    while !scope.is_none() {
        if let Some(at) = harnesses.iter().position(|harness| harness.scope == scope) {
            return Some(at);
        }
        scope = scope.outer();
    }
    None
}
