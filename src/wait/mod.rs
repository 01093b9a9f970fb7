//! Why is a task still alive.
//!
//! Whether it can go on: `liveness`, by tokio's header of it (`state_word`, whose bits a `probe` has `learned`). What it
//! waits for: `trace` asks it, by one poll with a waker that notes where it is taken (woken by `tokio_waker`), and
//! calls the answer by its kind (`waits_for`); `await_trace` is the answer, `continued` what debug info adds to it.
//! What holds its thread: `blocked`. Who waits for whom: `deadlock`.

mod await_trace;
pub(crate) mod blocked;
mod continued;
pub(crate) mod deadlock;
mod learned;
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
pub(crate) use tokio_waker::{header_of, known_header_of};
pub use waits_for::WaitsFor;
