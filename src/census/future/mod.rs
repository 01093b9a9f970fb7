//! Reading a suspended future: what it is, which of its fields are alive, and what it waits for.

mod awaits;
mod live;
mod names;
mod polled;
mod snapshot;

pub(super) use awaits::await_trace;
pub(super) use live::{Reader, Value};
pub(super) use names::{of_future, person};
pub(super) use snapshot::Snapshot;
