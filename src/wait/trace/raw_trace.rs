//! A trace whose symbols nobody has read yet.

use super::chain;
use crate::registry::inquiry::Found;
use crate::wait::{AwaitTrace, TraceSource};
use std::sync::{Arc, OnceLock};

/// A trace as it was captured. It is resolved when somebody reads it: that takes a while, in which
/// tasks could end that a verdict is about to name.
#[derive(Debug)]
pub(crate) struct RawTrace {
    found: Arc<[Found]>,
    resolved: OnceLock<AwaitTrace>,
}

impl RawTrace {
    pub(super) fn new(found: Arc<[Found]>) -> Self {
        Self {
            found,
            resolved: OnceLock::new(),
        }
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
