//! The twin of tokio's `Runtime`.

use super::{Builder, Hooked};
use crate::registry::current;
use crate::registry::scope::Watched;
use crate::task::{self, Told};
use std::future::Future;
use std::io;
use std::ops::Deref;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A [`tokio::runtime::Runtime`] whose [`spawn`](Self::spawn) and
/// [`spawn_blocking`](Self::spawn_blocking) are tracked.
///
/// All else is tokio's own, by dereference. If a guard or a `#[leak_test]` is open where the runtime
/// is made, it answers for all tasks that the runtime counts, also those that nobody tracked.
///
/// # Examples
///
/// ```
/// let runtime = taskleak::runtime::Runtime::new().unwrap();
/// let answer = runtime.spawn(async { 6 * 7 });
/// assert_eq!(runtime.block_on(answer).unwrap(), 42);
/// ```
#[derive(Debug)]
pub struct Runtime {
    // Dropped before the runtime itself.
    closing: Closing,
    inner: tokio::runtime::Runtime,
}

/// Tells when the runtime is shut down: its task hooks, and who wants to know why a task ended.
#[derive(Debug)]
struct Closing {
    hooked: Hooked,
    told: Told,
}

impl Closing {
    fn of(runtime: &tokio::runtime::Runtime, hooked: Hooked) -> Self {
        let told = Told::of(runtime.handle());
        Self { hooked, told }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.hooked.close();
    }
}

impl Runtime {
    /// A multi-thread runtime with everything enabled, as [`tokio::runtime::Runtime::new`].
    ///
    /// # Errors
    /// As tokio: if the operating system refuses what it needs.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Runtime::new().unwrap();
    /// ```
    pub fn new() -> io::Result<Self> {
        Builder::new_multi_thread().enable_all().build()
    }

    /// Spawns a tracked task on this runtime; otherwise as [`tokio::runtime::Runtime::spawn`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Runtime::new().unwrap();
    /// runtime.spawn(async { /* .. */ });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::Builder::new().spawn_on(future, self.handle())
    }

    /// Runs a tracked closure on this runtime's blocking pool; otherwise as
    /// [`tokio::runtime::Runtime::spawn_blocking`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Runtime::new().unwrap();
    /// let sum = runtime.spawn_blocking(|| (1..=10).sum::<u32>());
    /// assert_eq!(runtime.block_on(sum).unwrap(), 55);
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, function: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        task::Builder::new().spawn_blocking_on(function, self.handle())
    }

    /// As [`tokio::runtime::Runtime::shutdown_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Runtime::new().unwrap();
    /// runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    /// ```
    pub fn shutdown_timeout(self, duration: Duration) {
        drop(self.closing);
        self.inner.shutdown_timeout(duration);
    }

    /// As [`tokio::runtime::Runtime::shutdown_background`].
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::runtime::Runtime::new().unwrap().shutdown_background();
    /// ```
    pub fn shutdown_background(self) {
        drop(self.closing);
        self.inner.shutdown_background();
    }

    /// tokio's own runtime, for interfaces that take one.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = taskleak::runtime::Runtime::new().unwrap().into_inner();
    /// ```
    pub fn into_inner(mut self) -> tokio::runtime::Runtime {
        // It lives on.
        self.closing.hooked = Hooked::NOT;
        self.closing.told.let_go();
        self.inner
    }

    /// The scope that is open here answers for a runtime that was just built.
    pub(super) fn adopt(inner: tokio::runtime::Runtime, hooked: Hooked) -> Self {
        let scope = current::scope();
        if let Some(open) = scope.open() {
            let runtime = crate::registry::TrackedRuntime::of(inner.handle());
            open.watch(Watched::in_all(inner.handle()));
            runtime.claim(scope);
        }
        let closing = Closing::of(&inner, hooked);
        Self { closing, inner }
    }
}

impl Deref for Runtime {
    type Target = tokio::runtime::Runtime;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl From<tokio::runtime::Runtime> for Runtime {
    fn from(inner: tokio::runtime::Runtime) -> Self {
        let closing = Closing::of(&inner, Hooked::NOT);
        Self { closing, inner }
    }
}
