//! Runs a test's body on a runtime of its own, lets its tasks settle there, and judges.

pub mod at_exit;
mod failure;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod harness;
mod limit;
mod own_runtime;
mod panic_expected;
mod test_name;
mod timeout;
mod told;
mod unstable;
mod watchdog;

pub use harness::Harness;
pub use panic_expected::PanicExpected;
pub use told::{Returned, TellsError, TellsNothing};
