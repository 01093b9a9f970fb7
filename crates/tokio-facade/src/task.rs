//! [`tokio::task`], with the tracked twins of everything that spawns.
//!
//! ```
//! use taskleak_tokio as tokio;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() {
//!     let mut lookups = tokio::task::JoinSet::new();
//!     lookups.spawn(async { 6 * 7 });
//!     assert_eq!(lookups.join_next().await.unwrap().unwrap(), 42);
//! }
//! ```

pub use tokio::task::*;

pub use taskleak::task::{
    Builder, JoinSet, LocalSet, join_set, spawn, spawn_blocking, spawn_local,
};
