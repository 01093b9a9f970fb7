//! Blocking closures under a limit.

use super::LimitReached;
use super::LimitedBuilder;
use super::placed;
use super::places::Place;
use super::spawns::refused;
use crate::registry::{Spec, TaskKind, TrackedRuntime};
use crate::task;
use std::future::Future;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

impl LimitedBuilder {
    /// Waits until there is room, and runs a closure on the blocking pool of the runtime the code runs in.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Panics
    /// As [`tokio::task::spawn_blocking`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = Builder::new().limit("checksum", 2).spawn_blocking(|| 7).await;
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_blocking<F, R>(self, function: F) -> impl Future<Output = JoinHandle<R>> + Send
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Blocking);
        async move {
            let place = self.limit.place().await;
            blocking(None, spec, function, place)
        }
    }

    /// Runs a closure on the blocking pool of the runtime the code runs in, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the closure.
    ///
    /// # Panics
    /// As [`tokio::task::spawn_blocking`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = Builder::new().limit("checksum", 2).try_spawn_blocking(|| 7).unwrap();
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_blocking<F, R>(self, function: F) -> Result<JoinHandle<R>, LimitReached<F>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Blocking);
                Ok(blocking(None, spec, function, place))
            }
            Err(limit) => Err(refused(&limit, function)),
        }
    }

    /// Waits until there is room, and runs a closure on the blocking pool of the runtime of `handle`.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let spawned = Builder::new().limit("checksum", 2).spawn_blocking_on(|| 7, runtime.handle());
    /// let task = runtime.block_on(spawned);
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_blocking_on<F, R>(
        self,
        function: F,
        handle: &Handle,
    ) -> impl Future<Output = JoinHandle<R>> + Send
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Blocking);
        async move {
            let place = self.limit.place().await;
            blocking(Some(handle), spec, function, place)
        }
    }

    /// Runs a closure on the blocking pool of the runtime of `handle`, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the closure.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = Builder::new().limit("checksum", 2).try_spawn_blocking_on(|| 7, runtime.handle());
    /// assert_eq!(runtime.block_on(task.unwrap()).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn try_spawn_blocking_on<F, R>(
        self,
        function: F,
        handle: &Handle,
    ) -> Result<JoinHandle<R>, LimitReached<F>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Blocking);
                Ok(blocking(Some(handle), spec, function, place))
            }
            Err(limit) => Err(refused(&limit, function)),
        }
    }
}

/// On the blocking pool of the runtime of `handle`; without one, of the runtime the code runs in.
#[track_caller]
fn blocking<F, R>(handle: Option<&Handle>, spec: Spec, function: F, place: Place) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let runtime = handle.map_or_else(TrackedRuntime::current, |handle| {
        Some(TrackedRuntime::of(handle))
    });
    let (function, timed) = task::blocking::tracked(spec, runtime, function);
    let function = placed::blocking(function, place);
    let task = match handle {
        Some(handle) => handle.spawn_blocking(function),
        None => tokio::task::spawn_blocking(function),
    };
    timed.watch(|| task.abort_handle());
    task
}
