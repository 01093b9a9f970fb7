//! The tracked twin of `tokio::task`.
pub use tokio::task::{spawn, spawn_blocking, spawn_local, JoinSet, LocalSet};
