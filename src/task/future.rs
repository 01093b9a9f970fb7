//! The future of a tracked task.
#![allow(unsafe_code)]

use super::shutdown;
use crate::registry::slot::Begun;
use crate::registry::{Entered, Entry, TaskKind, give_back, own_spawn};
use crate::wait::header_of;
use crate::wait::trace::TracedPoll;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// A future and its task's entry in the registry: what the runtime polls in place of the future.
    ///
    /// It hands the task's own waker through, so that a poll costs a few stores.
    #[must_use = "futures do nothing unless they are spawned or awaited"]
    pub(crate) struct TaskFuture<F> {
        // Dropped by hand, so that the task is the current one while its future is dropped.
        #[pin]
        future: ManuallyDrop<F>,
        entry: Option<Entry>,
    }

    impl<F> PinnedDrop for TaskFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // Before the drop, which may wake the task itself: it may own its own sender.
            if let Some(entry) = &this.entry {
                own_spawn::refused(entry.slot());
                shutdown::note_end(entry);
            }
            let entered = this.entry.as_ref().map(Entry::enter_drop);
            // SAFETY: `future` is pinned and dropped in place; nothing reads it after this, because
            // this is the only place that drops it and the whole is going away.
            unsafe { ManuallyDrop::drop(this.future.get_unchecked_mut()) };
            drop(entered);
            if let Some(entry) = this.entry.take() {
                give_back(entry);
            }
        }
    }
}

impl<F> TaskFuture<F> {
    /// Without an entry, the future is polled as if it stood alone.
    #[inline]
    pub(super) fn new(entry: Option<Entry>, future: F) -> Self {
        Self {
            future: ManuallyDrop::new(future),
            entry,
        }
    }

    pub(super) fn begin(self: Pin<&mut Self>, entry: Option<Entry>) {
        *self.project().entry = entry;
    }
}

impl<F: Future> Future for TaskFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // SAFETY: the projection keeps the future pinned: `ManuallyDrop` only wraps it, and the
        // future is never moved out of it.
        let future = unsafe { this.future.map_unchecked_mut(|future| &mut **future) };
        let Some(entry) = this.entry else {
            return future.poll(cx);
        };
        let (entered, begun) = entry.enter();
        if begun == Begun::First {
            note_header(entry, cx);
        }
        if begun == Begun::Traced {
            return poll_traced(future, entry, entered, cx);
        }
        let poll = future.poll(cx);
        entered.returned(poll.is_ready());
        poll
    }
}

/// Polls with a waker that notes where it is taken. In this file, since the traces end here.
#[cold]
#[inline(never)]
fn poll_traced<F: Future>(
    future: Pin<&mut F>,
    entry: &Entry,
    entered: Entered,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let traced = TracedPoll::begin(entry.slot(), cx.waker());
    let poll = future.poll(&mut Context::from_waker(traced.waker()));
    entered.returned(poll.is_ready());
    if poll.is_pending() {
        traced.pending();
    }
    poll
}

/// Notes where tokio's header of the task is, if the task is tokio's: then this future is part of the
/// task's memory. Any other spawner may poll it in one task now and in another later.
fn note_header(entry: &Entry, cx: &Context<'_>) {
    if matches!(entry.kind(), TaskKind::Task | TaskKind::Local)
        && let Some(header) = header_of(cx.waker())
    {
        entry.slot().set_header(header);
    }
}
