//! The twin of `tokio::runtime`.
pub use tokio::runtime::{Builder, Runtime};
