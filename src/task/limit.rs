//! A bound on how many tasks of a name are alive.

use super::builder::Builder;
use super::spawner::{self, Spawner};
use crate::registry::{TaskKind, TrackedRuntime};
use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How many tasks of one name may be alive, and who waits for one to end.
struct Limit {
    name: Arc<str>,
    /// As many permits as there is room.
    room: Semaphore,
    size: Mutex<Size>,
}

struct Size {
    most: usize,
    /// So many tasks are alive beyond `most`, since it was made smaller: their end makes no room.
    surplus: usize,
}

/// Limits are kept by whoever needs them: builders and live tasks.
static LIMITS: Mutex<Option<Limits>> = Mutex::new(None);

#[derive(Default)]
struct Limits {
    by_name: HashMap<Arc<str>, Weak<Limit>>,
    /// At this many, those that nobody needs any more are cleared away.
    clear_at: usize,
}

impl Limit {
    /// The limit of a name; from now on it is `most`.
    fn named(name: &str, most: usize) -> Arc<Self> {
        let most = most.min(Semaphore::MAX_PERMITS);
        let limit = {
            let mut limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
            let limits = limits.get_or_insert_default();
            let known = limits.by_name.get(name).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                if limits.by_name.len() >= limits.clear_at {
                    limits.by_name.retain(|_, limit| limit.strong_count() > 0);
                    limits.clear_at = (2 * limits.by_name.len()).max(64);
                }
                let limit = Arc::new(Self {
                    name: name.into(),
                    room: Semaphore::new(most),
                    size: Mutex::new(Size { most, surplus: 0 }),
                });
                limits
                    .by_name
                    .insert(limit.name.clone(), Arc::downgrade(&limit));
                limit
            })
        };
        limit.resize(most);
        limit
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resize(&self, most: usize) {
        let mut size = self.size();
        let room = if most >= size.most {
            let more = most - size.most;
            let paid = more.min(size.surplus);
            size.surplus -= paid;
            more - paid
        } else {
            let fewer = size.most - most;
            size.surplus += fewer - self.room.forget_permits(fewer);
            0
        };
        size.most = most;
        drop(size);
        // Wakes who waits: not under the lock.
        self.room.add_permits(room);
    }

    fn end(&self) {
        let mut size = self.size();
        let makes_room = size.surplus == 0;
        size.surplus -= usize::from(!makes_room);
        drop(size);
        self.room.add_permits(usize::from(makes_room));
    }
}

/// Holds a live task's place under its limit.
struct Place(Arc<Limit>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Spawns tasks of a name of which only so many may be alive; made by [`Builder::limit`].
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
    builder: Builder,
    limit: Arc<Limit>,
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
    /// assert_eq!(error.to_string(), "1 task named `export` is alive, which is the limit: wait until \
    ///     one has ended (`LimitedBuilder::spawn`), turn the work away, or raise the limit");
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

impl LimitedBuilder {
    /// Waits until there is room, first come, first served, and spawns on the runtime the code runs
    /// in. Dropping the returned future gives up.
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
            if let Ok(permit) = self.limit.room.acquire().await {
                permit.forget();
            }
            let place = Place(self.limit);
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
        match self.limit.room.try_acquire() {
            Ok(permit) => permit.forget(),
            Err(_) => {
                return Err(LimitReached {
                    name: self.limit.name.clone(),
                    most: self.limit.size().most,
                    future,
                });
            }
        }
        let place = Place(self.limit);
        let spec = self.builder.spec::<F>(TaskKind::Task);
        Ok(spawner::spawn(InPlace(spawner::Here, place), spec, future))
    }
}

impl fmt::Debug for LimitedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedBuilder")
            .field("builder", &self.builder)
            .field("most", &self.limit.size().most)
            .finish_non_exhaustive()
    }
}

/// As many tasks of the name are alive as may be.
///
/// # Examples
///
/// ```
/// # use taskleak::task::Builder;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let refused = Builder::new().limit("export", 0).try_spawn(async { 7 }).unwrap_err();
/// assert_eq!((refused.name(), refused.limit()), ("export", 0));
/// assert_eq!(refused.into_future().await, 7); // run it in place
/// # }
/// ```
pub struct LimitReached<F> {
    name: Arc<str>,
    most: usize,
    future: F,
}

impl<F> LimitReached<F> {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many may be alive.
    pub fn limit(&self) -> usize {
        self.most
    }

    /// The future that was not spawned.
    #[allow(clippy::should_implement_trait, reason = "nobody awaits an error")]
    pub fn into_future(self) -> F {
        self.future
    }
}

impl<F> fmt::Display for LimitReached<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, most, .. } = self;
        let (tasks, are) = if *most == 1 {
            ("task", "is")
        } else {
            ("tasks", "are")
        };
        write!(
            f,
            "{most} {tasks} named `{name}` {are} alive, which is the limit: wait until one has ended \
             (`LimitedBuilder::spawn`), turn the work away, or raise the limit"
        )
    }
}

impl<F> fmt::Debug for LimitReached<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitReached")
            .field("name", &self.name)
            .field("limit", &self.most)
            .finish_non_exhaustive()
    }
}

impl<F> Error for LimitReached<F> {}

/// Spawns a task that has a place under its limit.
struct InPlace<S>(S, Place);

impl<T, S: Spawner<T>> Spawner<T> for InPlace<S> {
    type Handle = S::Handle;

    fn handle(&self) -> Option<Handle> {
        self.0.handle()
    }

    fn runtime(&self, exact: bool) -> Option<&'static TrackedRuntime> {
        self.0.runtime(exact)
    }

    #[track_caller]
    fn hand_over<F>(self, future: F) -> S::Handle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Self(spawner, place) = self;
        spawner.hand_over(Placed {
            future,
            _place: place,
        })
    }
}

pin_project_lite::pin_project! {
    /// A task's future with its place, which it leaves when all of the future is gone: its record in
    /// the registry too.
    struct Placed<F> {
        #[pin]
        future: F,
        _place: Place,
    }
}

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
