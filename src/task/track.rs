//! Tracking what somebody else spawns.

use super::future::TaskFuture;
use crate::registry::{Entry, Spawner, Spec, TaskKind, TrackedRuntime, claim, current};
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Tracks futures that are spawned by a spawner which taskleak does not wrap.
///
/// # Examples
///
/// ```
/// use taskleak::Track;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// // Any spawner will do: tokio's own, a TaskTracker, the executor of an HTTP server.
/// let task = tokio::spawn(std::future::pending::<()>().tracked_as("forgotten"));
/// tokio::task::yield_now().await;
/// assert_eq!(taskleak::live_tasks()[0].name(), "forgotten");
/// # task.abort(); }
/// ```
pub trait Track: Future + Sized {
    /// Tracks the task that this future is spawned as, by the name of its function.
    ///
    /// The task is known from its first poll on, and a guard waits for that poll. A future
    /// that is polled inside a task which is tracked already is no task of its own, and is left
    /// alone.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::Track;
    /// # async fn serve() {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// tokio::spawn(serve().tracked()).await.unwrap();
    /// # }
    /// ```
    #[track_caller]
    fn tracked(self) -> Tracked<Self> {
        Tracked::new(self, Location::caller(), None)
    }

    /// The same, by a name: one for all tasks of a kind, as [`Builder::name`](crate::task::Builder::name).
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::Track;
    /// # async fn serve(_: usize) {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// for conn in 0..3 {
    ///     tokio::spawn(serve(conn).tracked_as("connection")).await.unwrap();
    /// }
    /// # }
    /// ```
    #[track_caller]
    fn tracked_as(self, name: impl Into<Cow<'static, str>>) -> Tracked<Self> {
        Tracked::new(self, Location::caller(), Some(name.into()))
    }
}

impl<F: Future> Track for F {}

pin_project_lite::pin_project! {
    /// A future that is tracked once it is polled as a task; made by [`Track`].
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::{Track, task::Tracked};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let job: Tracked<_> = async { 6 * 7 }.tracked_as("answer");
    /// assert_eq!(tokio::spawn(job).await.unwrap(), 42);
    /// # }
    /// ```
    #[must_use = "futures do nothing unless they are spawned or awaited"]
    pub struct Tracked<F> {
        #[pin]
        future: TaskFuture<F>,
        mark: Option<Box<Mark>>,
    }
}

/// What is remembered of the place where a future was marked until it turns out to be a task.
struct Mark {
    spec: Spec,
    spawner: Spawner,
}

impl<F> Tracked<F> {
    fn new(
        future: F,
        location: &'static Location<'static>,
        name: Option<Cow<'static, str>>,
    ) -> Self {
        let mark = super::is_on().then(|| {
            let type_name = std::any::type_name::<F>();
            let mut spec = Spec::new(TaskKind::Future, location, type_name);
            if let Some(name) = name {
                super::builder::set_name(&mut spec.name, &mut spec.extras, name);
            }
            Box::new(Mark {
                spec,
                spawner: Spawner::here(location),
            })
        });
        Self {
            future: TaskFuture::new(future),
            mark,
        }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some(mark) = this.mark.take() {
            let Mark { spec, spawner } = *mark;
            let entry = match current::task() {
                None => Some(Entry::begin_by(spec, spawner, TrackedRuntime::current())),
                // If it is tracked otherwise, this future is a part of it, and left alone.
                Some(task) => claim(task, spec, spawner),
            };
            this.future.as_mut().begin(entry);
        }
        this.future.poll_anywhere(cx)
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").finish_non_exhaustive()
    }
}
