//! Tasks under a limit.

use super::LimitReached;
use super::LimitedBuilder;
use super::placed::InPlace;
use super::places::{Limit, Place};
use crate::registry::TaskKind;
use crate::task::{Builder, JoinSet, spawner};
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

impl LimitedBuilder {
    /// Waits until there is room, and spawns on the runtime the code runs in.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Panics
    /// As [`tokio::spawn`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = Builder::new().limit("export", 4).spawn(async { 7 }).await;
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn<F>(self, future: F) -> impl Future<Output = JoinHandle<F::Output>> + Send
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Task);
        async move {
            let place = self.limit.place().await;
            spawner::spawn(InPlace(spawner::Here, place), spec, future)
        }
    }

    /// Spawns on the runtime the code runs in, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the future.
    ///
    /// # Panics
    /// As [`tokio::spawn`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # async fn serve(_: u32) {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// match Builder::new().limit("connection", 1000).try_spawn(serve(1)) {
    ///     Ok(task) => drop(task),
    ///     Err(busy) => eprintln!("{busy}"),
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn<F>(self, future: F) -> Result<JoinHandle<F::Output>, LimitReached<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Task);
                Ok(spawner::spawn(InPlace(spawner::Here, place), spec, future))
            }
            Err(limit) => Err(refused(&limit, future)),
        }
    }

    /// Waits until there is room, and spawns on the runtime of `handle`.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let spawned = Builder::new().limit("export", 4).spawn_on(async { 7 }, runtime.handle());
    /// let task = runtime.block_on(spawned);
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_on<F>(
        self,
        future: F,
        handle: &Handle,
    ) -> impl Future<Output = JoinHandle<F::Output>> + Send
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Task);
        async move {
            let place = self.limit.place().await;
            spawner::spawn(InPlace(handle, place), spec, future)
        }
    }

    /// Spawns on the runtime of `handle`, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the future.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = Builder::new().limit("export", 4).try_spawn_on(async { 7 }, runtime.handle());
    /// assert_eq!(runtime.block_on(task.unwrap()).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn try_spawn_on<F>(
        self,
        future: F,
        handle: &Handle,
    ) -> Result<JoinHandle<F::Output>, LimitReached<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Task);
                Ok(spawner::spawn(InPlace(handle, place), spec, future))
            }
            Err(limit) => Err(refused(&limit, future)),
        }
    }

    /// Waits until there is room, and spawns into a set, on the runtime the code runs in.
    ///
    /// With a limit of 0 it waits until the limit is raised.
    ///
    /// # Panics
    /// As [`tokio::task::JoinSet::spawn`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, JoinSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let mut set = JoinSet::new();
    /// Builder::new().limit("one of four", 4).spawn_into(&mut set, async { 7 }).await;
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    #[allow(
        clippy::async_yields_async,
        reason = "first there is room, then there is a task"
    )]
    pub fn spawn_into<F>(
        self,
        set: &mut JoinSet<F::Output>,
        future: F,
    ) -> impl Future<Output = AbortHandle> + Send
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spec = self.builder.spec::<F>(TaskKind::Task);
        async move {
            let place = self.limit.place().await;
            spawner::spawn(
                InPlace(spawner::IntoSet(set.inner_mut()), place),
                spec,
                future,
            )
        }
    }

    /// Spawns into a set, on the runtime the code runs in, if there is room now.
    ///
    /// # Errors
    /// If as many are alive as may be; the error has the future.
    ///
    /// # Panics
    /// As [`tokio::task::JoinSet::spawn`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, JoinSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let mut set = JoinSet::new();
    /// Builder::new().limit("one of four", 4).try_spawn_into(&mut set, async { 7 }).unwrap();
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_into<F>(
        self,
        set: &mut JoinSet<F::Output>,
        future: F,
    ) -> Result<AbortHandle, LimitReached<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match self.place() {
            Ok((place, builder)) => {
                let spec = builder.spec::<F>(TaskKind::Task);
                Ok(spawner::spawn(
                    InPlace(spawner::IntoSet(set.inner_mut()), place),
                    spec,
                    future,
                ))
            }
            Err(limit) => Err(refused(&limit, future)),
        }
    }

    pub(super) fn place(self) -> Result<(Place, Builder), Arc<Limit>> {
        match self.limit.clone().try_place() {
            Some(place) => Ok((place, self.builder)),
            None => Err(self.limit),
        }
    }
}

pub(super) fn refused<F>(limit: &Limit, future: F) -> LimitReached<F> {
    LimitReached {
        name: limit.name.clone(),
        most: limit.most(),
        future,
    }
}
