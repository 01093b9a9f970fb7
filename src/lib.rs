//! Fails a test when tokio tasks outlive it.
mod harness;
pub mod runtime;
mod stack;
pub mod task;

pub use task::spawn;
pub use taskleak_macros::leak_test;

#[doc(hidden)]
pub mod __private {
    pub use crate::harness::Harness;
    pub use taskleak_macros::{case, case as test};
}
