//! One task of a runtime's own list.

use crate::wait::{AwaitTrace, Liveness, Standing};
use std::collections::HashSet;
use std::path::PathBuf;

/// What the runtime's own list and the debug info tell of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenTask {
    /// The number behind [`tokio::task::Id`].
    pub(crate) id: u64,
    /// Of the task's header.
    pub(crate) address: usize,
    pub(crate) sight: Sight,
    /// Whether the future's type is one that taskleak wraps around what it tracks.
    pub(crate) is_wrapped: bool,
    /// Whether its `JoinHandle` is still there.
    pub(crate) join_handle: bool,
}

/// Tasks that were in a runtime's list for some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct InList {
    /// By the numbers behind [`tokio::task::Id`].
    pub(crate) tasks: HashSet<u64>,
    /// Whether there were no others: the list stood still for long enough to be walked to its end.
    pub(crate) is_whole: bool,
}

/// What there is to see of a task that other tasks can share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sight {
    /// The future's type as a person writes it, or [`UNKNOWN`].
    pub(crate) name: String,
    /// Where the future is declared, if it is an async function or block.
    pub(crate) declared: Option<(PathBuf, u32)>,
    pub(crate) state: SeenState,
    pub(crate) await_trace: AwaitTrace,
}

/// What a future is called whose type can't be told.
pub(crate) const UNKNOWN: &str = "(unknown)";

impl Sight {
    /// The future's name, if it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        (self.name != UNKNOWN).then_some(&self.name)
    }
}

impl SeenTask {
    /// What its state says of its chances.
    pub(crate) fn standing(&self) -> Standing {
        let liveness = match self.sight.state {
            SeenState::Parked => Liveness::Wakeable,
            SeenState::NoWaker => Liveness::Orphan,
            SeenState::Runnable | SeenState::Running => Liveness::Runnable,
            SeenState::Cancelled | SeenState::Complete => Liveness::Cancelled,
            SeenState::Unknown => Liveness::Unknown,
        };
        Standing {
            liveness,
            join_handle: self.join_handle,
        }
    }
}

/// What a task was doing when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SeenState {
    /// Waits to be woken.
    Parked,
    /// Parked, and nobody holds a waker of it: only an abort can end it.
    NoWaker,
    /// Queued to be polled.
    Runnable,
    /// Aborted: dropped when the runtime comes to it.
    Cancelled,
    /// Being polled.
    Running,
    /// Ended, and about to leave the list.
    Complete,
    /// The state word of this tokio is not understood.
    Unknown,
}
