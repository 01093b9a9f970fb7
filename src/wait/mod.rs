//! Why is a task still alive.

mod await_trace;
pub(crate) mod blocked;
mod continued;
pub(crate) mod deadlock;
mod liveness;
mod probe;
mod state_word;
mod tokio_waker;
pub(crate) mod trace;
mod waits_for;

pub use await_trace::{AwaitNode, AwaitTrace, TraceSource};
pub use deadlock::OtherHalf;
pub use liveness::Liveness;
pub(crate) use liveness::Standing;
pub(crate) use state_word::{Header, abort, calibrate, schedules};
#[allow(unused_imports, reason = "the census's, where there is one")]
pub(crate) use state_word::{RuntimeKind, Schedule, schedule_of};
pub(crate) use tokio_waker::header_of;
pub use waits_for::WaitsFor;
