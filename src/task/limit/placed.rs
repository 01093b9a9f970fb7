//! Tasks that have a place under their limit.

use super::places::Place;
use crate::registry::TrackedRuntime;
use crate::task::spawner::{LocalSpawner, Spawner};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Spawns a task that has a place under its limit.
pub(super) struct InPlace<S>(pub(super) S, pub(super) Place);

impl<T, S: Spawner<T>> Spawner<T> for InPlace<S> {
    type Handle = S::Handle;

    fn handle(&self) -> Option<Handle> {
        self.0.handle()
    }

    fn runtime(&self, exact: bool) -> Option<&'static TrackedRuntime> {
        self.0.runtime(exact)
    }

    #[inline]
    fn is_elsewhere(&self) -> bool {
        self.0.is_elsewhere()
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

impl<T, S: LocalSpawner<T>> LocalSpawner<T> for InPlace<S> {
    type Handle = S::Handle;

    #[track_caller]
    fn hand_over<F>(self, future: F) -> S::Handle
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let Self(spawner, place) = self;
        spawner.hand_over(Placed {
            future,
            _place: place,
        })
    }
}

/// A blocking closure with its place: it leaves that after its record, also if it never runs.
pub(super) fn blocking<R>(
    function: impl FnOnce() -> R + Send + 'static,
    place: Place,
) -> impl FnOnce() -> R + Send + 'static {
    move || {
        // Named first, so that it is dropped first if it never runs.
        let function = function;
        let output = function();
        drop(place);
        output
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
