//! The tracked twin of tokio's `LocalSet`.

use super::Builder;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// A [`tokio::task::LocalSet`] whose [`spawn_local`](Self::spawn_local) tracks its tasks.
///
/// All else is tokio's own, by dereference. The runtime's alive count does not see local tasks, so
/// those that are not spawned through taskleak are not seen at all.
///
/// # Examples
///
/// ```
/// use taskleak::task::LocalSet;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let local = LocalSet::new();
/// let answer = local.spawn_local(async { 42 });
/// assert_eq!(local.run_until(answer).await.unwrap(), 42);
/// local.await;
/// # }
/// ```
#[derive(Debug, Default)]
pub struct LocalSet {
    inner: tokio::task::LocalSet,
}

impl LocalSet {
    /// As [`tokio::task::LocalSet::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// let local = taskleak::task::LocalSet::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a tracked task on this set; otherwise as [`tokio::task::LocalSet::spawn_local`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let local = taskleak::task::LocalSet::new();
    /// local.spawn_local(async { /* .. */ });
    /// local.await;
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Builder::new().spawn_local_on(future, self)
    }

    pub(super) fn inner(&self) -> &tokio::task::LocalSet {
        &self.inner
    }
}

impl Deref for LocalSet {
    type Target = tokio::task::LocalSet;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for LocalSet {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl From<tokio::task::LocalSet> for LocalSet {
    fn from(inner: tokio::task::LocalSet) -> Self {
        Self { inner }
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.inner).poll(cx)
    }
}
