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
    /// Whether a future took the waker, wherever that was.
    some_took: bool,
    resolved: OnceLock<AwaitTrace>,
    leaves: OnceLock<Vec<Leaf>>,
    waits_for: OnceLock<Vec<WaitsFor>>,
    may_go_on: OnceLock<bool>,
}

/// A leaf future of which it is known what it waits for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leaf {
    pub(crate) waits_for: WaitsFor,
    /// The futures of other packages that the project awaits there, as the trace calls them.
    pub(crate) awaited: Vec<String>,
    /// All functions inside of them.
    pub(crate) inside: Vec<String>,
}

impl Leaf {
    fn of(found: &Found) -> Option<Self> {
        let waits_for = classify::of(found)?;
        let chain = chain::of(found).into_iter().rev();
        let awaited = chain.take_while(|node| node.file.is_none());
        Some(Self {
            waits_for,
            awaited: awaited.map(|node| node.function).collect(),
            inside: classify::names(found),
        })
    }
}

impl RawTrace {
    pub(super) fn new(found: Arc<[Found]>, some_took: bool) -> Self {
        Self {
            found,
            some_took,
            leaves: OnceLock::new(),
            resolved: OnceLock::new(),
            waits_for: OnceLock::new(),
            may_go_on: OnceLock::new(),
        }
    }

    /// What the leaf futures wait for, as far as that is known; each kind once.
    pub(crate) fn waits_for(&self) -> &[WaitsFor] {
        self.waits_for.get_or_init(|| {
            if self.found.is_empty() && !self.some_took {
                return vec![WaitsFor::Pending];
            }
            let mut all = Vec::new();
            for Leaf { waits_for, .. } in self.leaves() {
                if !all.contains(waits_for) {
                    all.push(*waits_for);
                }
            }
            all
        })
    }

    fn leaves(&self) -> &[Leaf] {
        self.leaves
            .get_or_init(|| self.found.iter().filter_map(Leaf::of).collect())
    }

    /// A leaf future of that kind: the same one of equal tasks, since a `select!` polls its branches in another order
    /// each time.
    pub(crate) fn leaf(&self, waits_for: WaitsFor) -> Option<&Leaf> {
        let leaves = self.leaves().iter();
        leaves.filter(|leaf| leaf.waits_for == waits_for).min()
    }

    /// Whether a future took the waker where its stack could not be had: on another thread, or beyond the room for
    /// stacks.
    pub(crate) fn is_unseen(&self) -> bool {
        self.found.is_empty() && self.some_took
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
