//! Why is a task still alive.

mod await_trace;
mod finding;
mod liveness;
mod probe;
mod state_word;

pub use await_trace::{AwaitNode, AwaitTrace, TraceSource};
pub(crate) use finding::Finding;
pub use liveness::Liveness;
pub(crate) use liveness::Standing;
pub(crate) use state_word::Header;
