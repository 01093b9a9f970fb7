//! Runs a test's body on a runtime of its own, lets its tasks settle there, and judges.

pub mod at_exit;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod harness;
mod own_runtime;
mod test_name;
mod unstable;
mod watchdog;

pub use harness::Harness;
