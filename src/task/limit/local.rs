//! Tasks of a `LocalSet` under a limit.

use super::LimitReached;
use super::LimitedBuilder;
use super::placed::InPlace;
use super::spawns::refused;
use crate::registry::TaskKind;
use crate::task::{LocalSet, spawner};
use std::future::Future;
use tokio::task::JoinHandle;

impl LimitedBuilder {
    /// Waits until there is room, and spawns on the current `LocalSet`.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Panics
    /// As [`tokio::task::spawn_local`]: outside of a `LocalSet`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// LocalSet::new().run_until(async {
    ///     let task = Builder::new().limit("parse", 4).spawn_local(async { 7 }).await;
    ///     assert_eq!(task.await.unwrap(), 7);
    /// }).await;
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_local<F>(self, future: F) -> impl Future<Output = JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Local);
        async move {
            let place = self.limit.place().await;
            spawner::spawn_local(InPlace(spawner::Here, place), spec, future)
        }
    }

    /// Spawns on the current `LocalSet`, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the future.
    ///
    /// # Panics
    /// As [`tokio::task::spawn_local`]: outside of a `LocalSet`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// LocalSet::new().run_until(async {
    ///     let task = Builder::new().limit("parse", 4).try_spawn_local(async { 7 }).unwrap();
    ///     assert_eq!(task.await.unwrap(), 7);
    /// }).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_local<F>(self, future: F) -> Result<JoinHandle<F::Output>, LimitReached<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Local);
                Ok(spawner::spawn_local(
                    InPlace(spawner::Here, place),
                    spec,
                    future,
                ))
            }
            Err(limit) => Err(refused(&limit, future)),
        }
    }

    /// Waits until there is room, and spawns on the given `LocalSet`.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let local = LocalSet::new();
    /// let task = Builder::new().limit("parse", 4).spawn_local_on(async { 7 }, &local).await;
    /// assert_eq!(local.run_until(task).await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_local_on<F>(
        self,
        future: F,
        local: &LocalSet,
    ) -> impl Future<Output = JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Local);
        async move {
            let place = self.limit.place().await;
            spawner::spawn_local(InPlace(local.inner(), place), spec, future)
        }
    }

    /// Spawns on the given `LocalSet`, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let local = LocalSet::new();
    /// let task = Builder::new().limit("parse", 4).try_spawn_local_on(async { 7 }, &local).unwrap();
    /// assert_eq!(local.run_until(task).await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_local_on<F>(
        self,
        future: F,
        local: &LocalSet,
    ) -> Result<JoinHandle<F::Output>, LimitReached<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Local);
                Ok(spawner::spawn_local(
                    InPlace(local.inner(), place),
                    spec,
                    future,
                ))
            }
            Err(limit) => Err(refused(&limit, future)),
        }
    }
}
