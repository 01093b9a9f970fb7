//! Runs a test body on a runtime it owns.
mod stub;
pub use stub::Harness;
