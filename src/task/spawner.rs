//! The ways to hand a future to tokio, so that each twin is one line.

use super::assisted::Assisted;
use super::future::TaskFuture;
use super::local_count::LocalCount;
use super::runtime_end::Offered;
use super::shutdown;
use super::timed::Timed;
use crate::alloc::Turn;
use crate::registry::{Entry, Scope, Spec, TrackedRuntime, own_spawn};
use crate::wait::Header;
use std::future::Future;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle, LocalSet};

/// Spawns futures that may be sent to other threads.
pub(super) trait Spawner<T>: Sized {
    type Handle: TaskHandle;

    /// Whether it spawns on the runtime that the thread is in.
    const IS_HERE: bool = false;

    /// The runtime it spawns on, if there is one.
    fn handle(&self) -> Option<Handle> {
        Handle::try_current().ok()
    }

    /// The runtime that this spawns on; the likely one will do if it need not be `exact`.
    #[inline]
    fn runtime(&self, exact: bool) -> Option<&'static TrackedRuntime> {
        TrackedRuntime::here(exact)
    }

    /// Whether that runtime need not be the one that the thread is in.
    #[inline]
    fn is_elsewhere(&self) -> bool {
        false
    }

    fn hand_over<F>(self, future: F) -> Self::Handle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static;
}

/// Spawns futures that stay on their thread.
pub(super) trait LocalSpawner<T>: Sized {
    type Handle: TaskHandle;

    fn hand_over<F>(self, future: F) -> Self::Handle
    where
        F: Future<Output = T> + 'static,
        T: 'static;
}

/// tokio's handles to a spawned task.
pub(super) trait TaskHandle {
    fn to_abort(&self) -> AbortHandle;

    /// Where the task's header is, if that can be told.
    fn header(&self) -> Option<Header>;
}

impl<T> TaskHandle for JoinHandle<T> {
    fn to_abort(&self) -> AbortHandle {
        self.abort_handle()
    }

    fn header(&self) -> Option<Header> {
        Header::of_joined(self)
    }
}

impl TaskHandle for AbortHandle {
    fn to_abort(&self) -> AbortHandle {
        self.clone()
    }

    fn header(&self) -> Option<Header> {
        Header::of(self)
    }
}

/// Futures larger than this are boxed before they are passed on: in a debug build each function on
/// the way copies them, and tokio boxes them only in the end.
const LARGE: usize = if cfg!(debug_assertions) {
    2 << 10
} else {
    16 << 10
};

/// Registers the task, then hands its future over.
#[inline(always)]
#[track_caller]
pub(super) fn spawn<F, S>(spawner: S, spec: Spec, future: F) -> S::Handle
where
    S: Spawner<F::Output>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if size_of::<F>() > LARGE {
        spawn_sized(spawner, spec, Box::pin(future))
    } else {
        spawn_sized(spawner, spec, future)
    }
}

// Inlined all the way: a call on this way would have to copy the future.
#[inline(always)]
#[track_caller]
fn spawn_sized<F, S>(spawner: S, spec: Spec, future: F) -> S::Handle
where
    S: Spawner<F::Output>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    // Before the entry is begun, so that the future is made where it is handed over from.
    let mut future = TaskFuture::new(future);
    if S::IS_HERE
        && spec.is_plain()
        && let Some(entry) = Entry::begin_plain(&spec)
    {
        let _announced = own_spawn::announce(entry.slot());
        future.set(entry);
        return spawner.hand_over(future);
    }
    spawn_otherwise(spawner, spec, future)
}

/// Somebody answers for the task or wants more of it than its record, or it is the first of its kind
/// for this thread, or nobody wants to know of it.
#[inline(never)]
#[track_caller]
fn spawn_otherwise<F, S>(spawner: S, spec: Spec, mut future: TaskFuture<F>) -> S::Handle
where
    S: Spawner<F::Output>,
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if !super::is_tracked(&spec) {
        return spawner.hand_over(future.into_inner());
    }
    let entry = Entry::begin(spec, |exact| spawner.runtime(exact));
    if !entry.is_watched() {
        let _announced = own_spawn::announce(entry.slot());
        let _offered = spawner.is_elsewhere().then(|| Offered::now(entry.slot()));
        future.set(entry);
        return spawner.hand_over(future);
    }
    let to_be_counted = entry.to_be_counted();
    let announced = own_spawn::announce(entry.slot());
    let offered = spawner.is_elsewhere().then(|| Offered::now(entry.slot()));
    // On a multi-thread runtime a guard can always wait; on a current-thread one it may have to
    // drive the task itself.
    let may_need_help =
        entry.scope().is_some_and(Scope::is_assisted) && entry.is_on_current_thread_runtime();
    let noted = shutdown::Noted::of(&entry);
    let turn = Turn::of_tracked();
    let timed = Timed::of(&entry);
    let handle = if may_need_help {
        let (future, cell) = Assisted::new(entry.slot(), spawner.handle(), future.into_inner());
        let mut future = TaskFuture::new(future);
        future.set(entry);
        let handle = spawner.hand_over(future);
        cell.set_header(handle.header());
        handle
    } else {
        future.set(entry);
        spawner.hand_over(future)
    };
    drop(turn);
    drop((announced, offered));
    to_be_counted.count();
    noted.note(|| handle.to_abort());
    timed.watch(|| handle.to_abort());
    handle
}

/// The same for futures that stay on this thread.
#[track_caller]
pub(super) fn spawn_local<F, S>(spawner: S, spec: Spec, future: F) -> S::Handle
where
    S: LocalSpawner<F::Output>,
    F: Future + 'static,
    F::Output: 'static,
{
    if size_of::<F>() > LARGE {
        spawn_local_sized(spawner, spec, Box::pin(future))
    } else {
        spawn_local_sized(spawner, spec, future)
    }
}

#[track_caller]
fn spawn_local_sized<F, S>(spawner: S, spec: Spec, future: F) -> S::Handle
where
    S: LocalSpawner<F::Output>,
    F: Future + 'static,
    F::Output: 'static,
{
    if !super::is_tracked(&spec) {
        return spawner.hand_over(future);
    }
    let entry = Entry::begin(spec, TrackedRuntime::here);
    let announced = own_spawn::announce(entry.slot());
    let noted = shutdown::Noted::of(&entry);
    let turn = Turn::of_tracked();
    let timed = Timed::of(&entry);
    let count = LocalCount::before(&entry);
    let handle = if entry.scope().is_some_and(Scope::is_assisted) {
        let (future, cell) = Assisted::new_local(entry.slot(), future);
        let mut future = TaskFuture::new(future);
        future.set(entry);
        let handle = spawner.hand_over(future);
        cell.set_header(handle.header());
        handle
    } else {
        let mut future = TaskFuture::new(future);
        future.set(entry);
        spawner.hand_over(future)
    };
    drop(turn);
    drop(announced);
    count.after(|| handle.to_abort());
    noted.note(|| handle.to_abort());
    timed.watch(|| handle.to_abort());
    handle
}

/// On the runtime the thread is in.
pub(super) struct Here;

impl<T> Spawner<T> for Here {
    type Handle = JoinHandle<T>;

    const IS_HERE: bool = true;

    #[inline]
    #[track_caller]
    fn hand_over<F>(self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        tokio::task::spawn(future)
    }
}

impl<T> LocalSpawner<T> for Here {
    type Handle = JoinHandle<T>;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        tokio::task::spawn_local(future)
    }
}

impl<T> Spawner<T> for &Handle {
    type Handle = JoinHandle<T>;

    fn handle(&self) -> Option<Handle> {
        Some(Handle::clone(self))
    }

    fn runtime(&self, _: bool) -> Option<&'static TrackedRuntime> {
        Some(TrackedRuntime::of(self))
    }

    #[inline]
    fn is_elsewhere(&self) -> bool {
        true
    }

    #[track_caller]
    fn hand_over<F>(self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(future)
    }
}

impl<T> LocalSpawner<T> for &LocalSet {
    type Handle = JoinHandle<T>;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.spawn_local(future)
    }
}

/// Into a set, on the runtime the thread is in.
pub(super) struct IntoSet<'a, T>(pub(super) &'a mut tokio::task::JoinSet<T>);

impl<T: 'static> Spawner<T> for IntoSet<'_, T> {
    type Handle = AbortHandle;

    const IS_HERE: bool = true;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn(future)
    }
}

impl<T: 'static> LocalSpawner<T> for IntoSet<'_, T> {
    type Handle = AbortHandle;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.0.spawn_local(future)
    }
}

/// Into a set, on another runtime or `LocalSet`.
pub(super) struct IntoSetOn<'a, T, On>(
    pub(super) &'a mut tokio::task::JoinSet<T>,
    pub(super) &'a On,
);

impl<T: 'static> Spawner<T> for IntoSetOn<'_, T, Handle> {
    type Handle = AbortHandle;

    fn handle(&self) -> Option<Handle> {
        Some(self.1.clone())
    }

    fn runtime(&self, _: bool) -> Option<&'static TrackedRuntime> {
        Some(TrackedRuntime::of(self.1))
    }

    #[inline]
    fn is_elsewhere(&self) -> bool {
        true
    }

    #[track_caller]
    fn hand_over<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.0.spawn_on(future, self.1)
    }
}

impl<T: 'static> LocalSpawner<T> for IntoSetOn<'_, T, LocalSet> {
    type Handle = AbortHandle;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        self.0.spawn_local_on(future, self.1)
    }
}
