//! Tasks as a flame graph: how they came to be spawned, and where they wait.

mod error;
mod graph;

pub use error::FlameGraphError;
pub use graph::svg;
#[cfg(feature = "http")]
pub(crate) use graph::svg_of;
