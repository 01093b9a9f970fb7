//! Tasks that a guard may have to drive itself.
//!
//! A guard that is dropped inside a current-thread runtime blocks the only thread that could let its
//! tasks end: a task that was just aborted, or whose channel was just closed, would look leaked. So
//! in scopes where that may happen a task's future lives in a [`cell`] that both the runtime and the
//! guard can reach, one at a time: the guard drops the futures of aborted tasks and polls those that
//! are due ([`drain`](crate::guard)). What such a poll returns is kept for the runtime, which
//! delivers it to the task's `JoinHandle` at its next turn.

mod cell;
mod future;
mod stage;
mod table;
mod visit;
mod wakes;

pub(super) use future::Assisted;
pub(crate) use table::{any_on_this_thread, reach, visit};
pub(crate) use visit::{Reach, Visit};
