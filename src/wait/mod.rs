//! Why is a task still alive.

mod await_trace;
mod state_word;
mod tokio_waker;
pub(crate) mod trace;

pub use await_trace::{AwaitNode, AwaitTrace, TraceSource};
pub(crate) use state_word::Header;
pub(crate) use tokio_waker::header_of;
