//! Spawning under a limit.

use super::places::Limit;
use crate::task::Builder;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Spawns tasks of a name of which only so many may be alive; made by [`Builder::limit`].
///
/// It spawns wherever a [`Builder`] does, each in two ways: `spawn` and its like wait until there is
/// room, first come, first served; `try_spawn` and its like give the future back if there is none now.
/// A task holds its place until all of it is gone, however it ends; a blocking closure that has begun
/// until it returns.
///
/// # Cancel safety
///
/// Dropping what `spawn` and its like return gives up waiting: nothing is spawned, and no place taken.
///
/// # Examples
///
/// ```
/// use taskleak::task::Builder;
///
/// # async fn serve(_: u32) {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// for connection in 0..100 {
///     // The accept loop waits while 8 connections are being served.
///     Builder::new().limit("connection", 8).spawn(serve(connection)).await;
/// }
/// # }
/// ```
#[must_use = "a builder does nothing until it spawns"]
pub struct LimitedBuilder {
    pub(super) builder: Builder,
    pub(super) limit: Arc<Limit>,
}

impl Builder {
    /// Names the task, and lets at most so many tasks that were spawned under a limit of this name be
    /// alive. The limit is the process's; if one name is given several, the latest holds.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let first = Builder::new().limit("export", 1).try_spawn(std::future::pending::<()>()).unwrap();
    /// let error = Builder::new().limit("export", 1).try_spawn(async {}).unwrap_err();
    /// assert_eq!(error.to_string(), "no more than 1 task named `export` may be alive, and there is \
    ///     no room: wait until there is (`LimitedBuilder::spawn`), turn the work away, or raise the limit");
    /// # first.abort(); }
    /// ```
    pub fn limit(self, name: impl Into<Cow<'static, str>>, most: usize) -> LimitedBuilder {
        let name = name.into();
        LimitedBuilder {
            limit: Limit::named(&name, most),
            builder: self.name(name),
        }
    }
}

impl fmt::Debug for LimitedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedBuilder")
            .field("builder", &self.builder)
            .field("most", &self.limit.most())
            .finish_non_exhaustive()
    }
}
