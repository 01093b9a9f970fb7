//! Why is a task still alive.

mod await_trace;
mod probe;
mod state_word;

pub use await_trace::{AwaitNode, AwaitTrace, TraceSource};
pub(crate) use state_word::{Header, HeldTask, Schedule};
