//! The tracked twin of `tokio::task`.
pub use tokio::task::{JoinSet, LocalSet, spawn, spawn_blocking, spawn_local};
