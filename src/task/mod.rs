//! The tracked twin of [`tokio::task`]: the same functions with the same signatures, returning
//! tokio's own handles, so that changing an import is all it takes.
//!
//! ```
//! use taskleak::task;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let answer = task::spawn(async { 6 * 7 });
//! assert_eq!(answer.await.unwrap(), 42);
//! # }
//! ```

pub(crate) mod assisted;
mod blocking;
mod builder;
mod future;
pub mod join_set;
mod limit;
mod local_count;
mod local_set;
mod runtime_end;
mod shutdown;
#[cfg(feature = "tracing")]
mod span;
mod spawn;
mod spawner;
mod timed;
mod track;

pub use crate::registry::{OperationId, TimeboxAction};
pub use builder::Builder;
pub use join_set::JoinSet;
pub use limit::{LimitReached, LimitedBuilder};
pub use local_set::LocalSet;
pub(crate) use runtime_end::Told;
#[cfg(feature = "tracing")]
pub use span::{InTaskSpan, TaskSpan};
pub use spawn::{spawn, spawn_blocking, spawn_local};
// An explicit name takes precedence over the same name behind a glob, so this leaves the twins in place.
pub use tokio::task::*;
pub use track::{Track, Tracked};

/// Whether spawns are tracked at all.
#[inline]
fn is_on() -> bool {
    crate::config::is_on()
}

/// Whether this one is. What a time box does to a task is part of what the program does, and does not
/// depend on who watches.
#[inline]
fn is_tracked(spec: &crate::registry::Spec) -> bool {
    is_on() || spec.is_aborted_in_time()
}
