//! The twin of [`tokio::runtime`]: runtimes whose own spawns are tracked, and whose alive count the
//! test that builds them answers for.

mod builder;
#[cfg(tokio_unstable)]
mod hooks;
#[cfg(not(tokio_unstable))]
#[path = "no_hooks.rs"]
mod hooks;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod runtime;

pub use builder::Builder;
pub(crate) use hooks::{Hooked, Hooks};
pub use runtime::Runtime;
