//! [`tokio::runtime`], with runtimes whose tasks are tracked.
//!
//! ```
//! use taskleak_tokio as tokio;
//!
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! assert_eq!(runtime.block_on(async { tokio::spawn(async { 42 }).await })?, 42);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use tokio::runtime::*;

pub use taskleak::runtime::{Builder, Runtime};
