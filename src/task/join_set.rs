//! The tracked twin of [`tokio::task::JoinSet`].

use super::{LocalSet, blocking, spawner};
use crate::registry::{Spec, TaskKind, TrackedRuntime};
use std::any::type_name;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// A [`tokio::task::JoinSet`] whose spawns are tracked.
///
/// All else is tokio's own, by dereference; [`join_all`](Self::join_all) is repeated since it takes
/// the set by value.
///
/// # Examples
///
/// ```
/// use taskleak::task::JoinSet;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let mut set = JoinSet::new();
/// for i in 0..3 {
///     set.spawn(async move { i });
/// }
/// let mut sum = 0;
/// while let Some(i) = set.join_next().await {
///     sum += i.unwrap();
/// }
/// assert_eq!(sum, 3);
/// # }
/// ```
pub struct JoinSet<T> {
    inner: tokio::task::JoinSet<T>,
}

impl<T> JoinSet<T> {
    /// As [`tokio::task::JoinSet::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// let set = taskleak::task::JoinSet::<()>::new();
    /// assert!(set.is_empty());
    /// ```
    pub fn new() -> Self {
        Self {
            inner: tokio::task::JoinSet::new(),
        }
    }

    pub(super) fn inner_mut(&mut self) -> &mut tokio::task::JoinSet<T> {
        &mut self.inner
    }

    /// tokio's own set, for interfaces that take one. Its tasks stay tracked.
    ///
    /// # Examples
    ///
    /// ```
    /// let set: tokio::task::JoinSet<()> = taskleak::task::JoinSet::new().into_inner();
    /// ```
    pub fn into_inner(self) -> tokio::task::JoinSet<T> {
        self.inner
    }
}

impl<T: 'static> JoinSet<T> {
    /// As [`tokio::task::JoinSet::spawn`], tracked.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let mut set = taskleak::task::JoinSet::new();
    /// set.spawn(async { 7 });
    /// assert_eq!(set.join_all().await, [7]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        spawner::spawn(
            spawner::IntoSet(&mut self.inner),
            spec::<F>(TaskKind::Task),
            task,
        )
    }

    /// As [`tokio::task::JoinSet::spawn_on`], tracked.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let mut set = taskleak::task::JoinSet::new();
    /// set.spawn_on(async { 7 }, runtime.handle());
    /// assert_eq!(runtime.block_on(set.join_all()), [7]);
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let spec = spec::<F>(TaskKind::Task);
        spawner::spawn(spawner::IntoSetOn(&mut self.inner, handle), spec, task)
    }

    /// As [`tokio::task::JoinSet::spawn_local`], tracked.
    ///
    /// # Panics
    /// Outside of a [`LocalSet`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{JoinSet, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// LocalSet::new().run_until(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn_local(async { 7 });
    ///     assert_eq!(set.join_all().await, [7]);
    /// }).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        spawner::spawn_local(
            spawner::IntoSet(&mut self.inner),
            spec::<F>(TaskKind::Local),
            task,
        )
    }

    /// As [`tokio::task::JoinSet::spawn_local_on`], tracked.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{JoinSet, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let local = LocalSet::new();
    /// let mut set = JoinSet::new();
    /// set.spawn_local_on(async { 7 }, &local);
    /// assert_eq!(local.run_until(set.join_all()).await, [7]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let spec = spec::<F>(TaskKind::Local);
        let spawner = spawner::IntoSetOn(&mut self.inner, local_set.inner());
        spawner::spawn_local(spawner, spec, task)
    }

    /// As [`tokio::task::JoinSet::spawn_blocking`], tracked.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let mut set = taskleak::task::JoinSet::new();
    /// set.spawn_blocking(|| 7);
    /// assert_eq!(set.join_all().await, [7]);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let spec = spec::<F>(TaskKind::Blocking);
        let (f, _) = blocking::tracked(spec, TrackedRuntime::current(), f);
        self.inner.spawn_blocking(f)
    }

    /// As [`tokio::task::JoinSet::spawn_blocking_on`], tracked.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let mut set = taskleak::task::JoinSet::new();
    /// set.spawn_blocking_on(|| 7, runtime.handle());
    /// assert_eq!(runtime.block_on(set.join_all()), [7]);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let spec = spec::<F>(TaskKind::Blocking);
        let (f, _) = blocking::tracked(spec, Some(TrackedRuntime::of(handle)), f);
        self.inner.spawn_blocking_on(f, handle)
    }

    /// As [`tokio::task::JoinSet::join_all`].
    ///
    /// # Panics
    /// If a task panicked; the others are aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let set: taskleak::task::JoinSet<_> = (0..3).map(|i| async move { i }).collect();
    /// assert_eq!(set.join_all().await.len(), 3);
    /// # }
    /// ```
    pub async fn join_all(self) -> Vec<T> {
        self.inner.join_all().await
    }
}

#[track_caller]
fn spec<F>(kind: TaskKind) -> Spec {
    Spec::new(kind, Location::caller(), type_name::<F>())
}

impl<T> Deref for JoinSet<T> {
    type Target = tokio::task::JoinSet<T>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<T> DerefMut for JoinSet<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> std::fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> From<tokio::task::JoinSet<T>> for JoinSet<T> {
    fn from(inner: tokio::task::JoinSet<T>) -> Self {
        Self { inner }
    }
}

/// Spawns every future of the iterator, tracked.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        for future in futures {
            set.spawn(future);
        }
        set
    }
}

impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}
