//! The twin of [`tokio::runtime`]: runtimes whose own spawns are tracked, and whose alive count the
//! test that builds them answers for.

mod builder;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod runtime;

pub use builder::Builder;
pub use runtime::Runtime;
