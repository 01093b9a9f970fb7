//! What a service shows of its tasks to the outside: metrics, profiles, flame graphs, pages.
//!
//! Each of these reads a [`Snapshot`](crate::manager::Snapshot) and stands behind a feature of its
//! own; `http` brings them all.

#[cfg(feature = "flamegraph")]
pub mod flamegraph;
#[cfg(feature = "http")]
pub mod http;
#[cfg(any(feature = "pprof", feature = "prometheus"))]
mod label;
#[cfg(feature = "pprof")]
pub mod pprof;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(feature = "pprof", feature = "flamegraph"))]
mod stack;
#[cfg(any(feature = "pprof", feature = "flamegraph"))]
mod task_stack;

#[cfg(any(feature = "pprof", feature = "flamegraph"))]
pub use task_stack::TaskStack;
