//! Fails a test when tokio tasks outlive it.
mod stack;
pub mod task;

pub use task::spawn;
