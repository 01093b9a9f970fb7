//! Fails a test when tokio tasks outlive it.
#[doc(hidden)]
pub mod stack;
pub mod task;

pub use task::spawn;
