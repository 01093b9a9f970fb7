//! The runtime's own list of its tasks, and each task's cell.

mod cell;
mod list;
mod runtime;
mod state;

pub(super) use cell::{Cells, describe};
pub(super) use list::{Listed, listed, walked};
pub(super) use runtime::{HeaderLayout, RuntimeLayout, anchor_address};
pub(super) use state::{has_join_handle, state_of};
