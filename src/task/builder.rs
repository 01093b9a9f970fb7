//! Spawning with a name and data.

use super::{JoinSet, LocalSet, blocking, spawner};
use crate::registry::timebox::Timebox;
use crate::registry::{Extras, Spec, TaskKind, TimeboxAction, TrackedRuntime};
use std::any::type_name;
use std::borrow::Cow;
use std::fmt::Display;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};

/// Says more of a task before it is spawned: its name, data, and whether it is meant to live on.
///
/// # Examples
///
/// ```
/// use taskleak::task::Builder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = Builder::new()
///     .name("egress-test-subnet")
///     .data("subnet_id", 17)
///     .spawn(async { /* .. */ });
/// # task.await.unwrap(); }
/// ```
#[derive(Debug, Default, Clone)]
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder {
    name: Option<&'static str>,
    extras: Option<Box<Extras>>,
    background: bool,
}

impl Builder {
    /// A task of which nothing is said yet: it is called after its future's function.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::task::Builder::new().spawn(async {}).await.unwrap();
    /// # }
    /// ```
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the task. A `&'static str` costs nothing; a `String` a table entry while it lives.
    ///
    /// Tasks of one kind have one name: they are counted, graphed and watched by it. What tells one from
    /// another is [`data`](Self::data).
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// Builder::new().name("reaper").spawn(async {}).await.unwrap();
    /// Builder::new().name("connection").data("id", 17).spawn(async {}).await.unwrap();
    /// # }
    /// ```
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        set_name(&mut self.name, &mut self.extras, name.into());
        self
    }

    /// Adds a key and its value, shown by reports in the order given. A key may be given again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// Builder::new().data("peer", "10.0.0.7").data("port", 443).spawn(async {}).await.unwrap();
    /// # }
    /// ```
    pub fn data(mut self, key: impl Into<String>, value: impl Display) -> Self {
        let extras = self.extras.get_or_insert_default();
        extras.data.push((key.into(), value.to_string()));
        self
    }

    /// Declares that the task is meant to live on: it is never a leak, but reports list it. The
    /// tasks that it spawns are not background tasks because of it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let guard = taskleak::verify_none();
    /// Builder::new().name("metrics").background().spawn(std::future::pending::<()>());
    /// guard.finish().await; // does not fail
    /// # }
    /// ```
    pub fn background(mut self) -> Self {
        self.background = true;
        self
    }

    /// Says how long the task may take, from its spawn on. Past it the task's status says so
    /// ([`Status::OverTime`](crate::manager::Status::OverTime)), observers are told once, and what
    /// [`on_timebox`](Self::on_timebox) says is done. On the real clock. While tracking is off
    /// ([`Manager::disable`](crate::manager::Manager::disable), `TASKLEAK=off`), only time boxes that abort are
    /// watched.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = Builder::new()
    ///     .name("handler")
    ///     .timebox(Duration::from_millis(1))
    ///     .spawn(async { tokio::time::sleep(Duration::from_millis(50)).await });
    /// task.await.unwrap();
    /// let snapshot = taskleak::manager().snapshot();
    /// assert_eq!(snapshot.name("handler").unwrap().counts().over_time, 1);
    /// # }
    /// ```
    pub fn timebox(mut self, limit: Duration) -> Self {
        self.timebox_mut().limit = Some(limit);
        self
    }

    /// Says what is done when the time box is over. Default: [`TimeboxAction::Flag`]. A blocking
    /// closure that has begun cannot be aborted: it is flagged.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, TimeboxAction};
    /// use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let task = Builder::new()
    ///     .timebox(Duration::from_millis(1))
    ///     .on_timebox(TimeboxAction::Abort)
    ///     .spawn(std::future::pending::<()>());
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    pub fn on_timebox(mut self, action: TimeboxAction) -> Self {
        self.timebox_mut().action = action;
        self
    }

    fn timebox_mut(&mut self) -> &mut Timebox {
        let extras = self.extras.get_or_insert_default();
        extras.timebox.get_or_insert_default()
    }

    /// Spawns on the runtime the code runs in.
    ///
    /// # Panics
    /// As [`tokio::spawn`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// assert_eq!(taskleak::task::Builder::new().spawn(async { 7 }).await.unwrap(), 7);
    /// # }
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawner::spawn(spawner::Here, self.spec::<F>(TaskKind::Task), future)
    }

    /// Spawns on the runtime of `handle`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = Builder::new().name("elsewhere").spawn_on(async { 7 }, runtime.handle());
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        spawner::spawn(handle, self.spec::<F>(TaskKind::Task), future)
    }

    /// Spawns on the current `LocalSet`.
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
    ///     Builder::new().name("here").spawn_local(async {}).await.unwrap();
    /// }).await;
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawner::spawn_local(spawner::Here, self.spec::<F>(TaskKind::Local), future)
    }

    /// Spawns on the given `LocalSet`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::{Builder, LocalSet};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let local = LocalSet::new();
    /// let task = Builder::new().name("there").spawn_local_on(async { 7 }, &local);
    /// assert_eq!(local.run_until(task).await.unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawner::spawn_local(local.inner(), self.spec::<F>(TaskKind::Local), future)
    }

    /// Runs a closure on the blocking pool of the runtime the code runs in.
    ///
    /// # Panics
    /// As [`tokio::task::spawn_blocking`]: outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// Builder::new().name("checksum").spawn_blocking(|| ()).await.unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, function: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let spec = self.spec::<F>(TaskKind::Blocking);
        let (function, timed) = blocking::tracked(spec, TrackedRuntime::current(), function);
        let handle = tokio::task::spawn_blocking(function);
        timed.watch(|| handle.abort_handle());
        handle
    }

    /// Runs a closure on the blocking pool of the runtime of `handle`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use taskleak::task::Builder;
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// let task = Builder::new().name("checksum").spawn_blocking_on(|| 7, runtime.handle());
    /// assert_eq!(runtime.block_on(task).unwrap(), 7);
    /// ```
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, function: F, handle: &Handle) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let spec = self.spec::<F>(TaskKind::Blocking);
        let runtime = Some(TrackedRuntime::of(handle));
        let (function, timed) = blocking::tracked(spec, runtime, function);
        let handle = handle.spawn_blocking(function);
        timed.watch(|| handle.abort_handle());
        handle
    }

    /// Spawns into a set, on the runtime the code runs in.
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
    /// Builder::new().name("one of many").spawn_into(&mut set, async { 7 });
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_into<F>(self, set: &mut JoinSet<F::Output>, future: F) -> AbortHandle
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spec = self.spec::<F>(TaskKind::Task);
        spawner::spawn(spawner::IntoSet(set.inner_mut()), spec, future)
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn spec<F>(self, kind: TaskKind) -> Spec {
        let Self {
            name,
            extras,
            background,
        } = self;
        let spec = Spec::new(kind, Location::caller(), type_name::<F>());
        Spec {
            name,
            extras,
            background,
            ..spec
        }
    }
}

/// Names a task: a name known at compile time is the place's, any other the task's own.
pub(super) fn set_name(
    fixed: &mut Option<&'static str>,
    extras: &mut Option<Box<Extras>>,
    name: Cow<'static, str>,
) {
    match name {
        Cow::Borrowed(name) => {
            *fixed = Some(name);
            if let Some(extras) = extras {
                extras.name = None;
            }
        }
        Cow::Owned(name) => extras.get_or_insert_default().name = Some(name),
    }
}
