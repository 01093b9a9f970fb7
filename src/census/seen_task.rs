//! One task of a runtime's own list.

use crate::wait::AwaitTrace;
use std::path::PathBuf;

/// What the runtime's own list and the debug info tell of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenTask {
    /// The number behind [`tokio::task::Id`].
    pub(crate) id: u64,
    /// Of the task's header.
    pub(crate) address: usize,
    /// The future's type as a person writes it.
    pub(crate) name: String,
    /// Where the future is declared, if it is an async function or block.
    pub(crate) declared: Option<(PathBuf, u32)>,
    pub(crate) state: SeenState,
    pub(crate) await_trace: AwaitTrace,
    /// Whether the future's type is one that taskleak wraps around what it tracks.
    pub(crate) is_wrapped: bool,
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
