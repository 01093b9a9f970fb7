//! A trace whose symbols nobody has read yet.

use super::{chain, classify};
use crate::registry::inquiry::Found;
use crate::wait::{AwaitTrace, TraceSource, WaitsFor};
use std::sync::{Arc, OnceLock};

/// A trace as it was captured. It is resolved when somebody reads it: that takes a while, in which
/// tasks could end that a verdict is about to name.
#[derive(Debug)]
pub(crate) struct RawTrace {
    found: Arc<[Found]>,
    resolved: OnceLock<AwaitTrace>,
    waits_for: OnceLock<Vec<WaitsFor>>,
    may_go_on: OnceLock<bool>,
}

impl RawTrace {
    pub(super) fn new(found: Arc<[Found]>) -> Self {
        Self {
            found,
            resolved: OnceLock::new(),
            waits_for: OnceLock::new(),
            may_go_on: OnceLock::new(),
        }
    }

    /// What the leaf futures wait for, as far as that is known; each kind once.
    pub(crate) fn waits_for(&self) -> &[WaitsFor] {
        self.waits_for.get_or_init(|| {
            if self.found.is_empty() {
                return vec![WaitsFor::Pending];
            }
            let mut all = Vec::new();
            for waits_for in self.found.iter().filter_map(classify::of) {
                if !all.contains(&waits_for) {
                    all.push(waits_for);
                }
            }
            all
        })
    }

    /// Whether it may not show all: no future took the waker, or one that did is not known to wait by itself.
    pub(crate) fn may_go_on(&self) -> bool {
        *self
            .may_go_on
            .get_or_init(|| self.found.is_empty() || self.found.iter().any(classify::is_untold))
    }

    /// The trace with its names. Reads debug info the first time.
    pub(crate) fn trace(&self) -> &AwaitTrace {
        self.resolved.get_or_init(|| {
            let chains = self.found.iter().map(chain::of);
            AwaitTrace::of_chains(TraceSource::Poll, chains)
                .waking_itself(self.found.iter().any(chain::is_own_wake))
        })
    }
}
