//! The future of a tracked task.
#![allow(unsafe_code)]

use super::shutdown;
use crate::registry::Entry;
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
            if let Some(entry) = this.entry {
                shutdown::record_if_killed(entry);
            }
            let entered = this.entry.as_ref().map(Entry::enter_drop);
            // SAFETY: `future` is pinned and dropped in place; nothing reads it after this, because
            // this is the only place that drops it and the whole is going away.
            unsafe { ManuallyDrop::drop(this.future.get_unchecked_mut()) };
            drop(entered);
        }
    }
}

impl<F> TaskFuture<F> {
    /// Without an entry, the future is polled as if it stood alone.
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // SAFETY: the projection keeps the future pinned: `ManuallyDrop` only wraps it, and the
        // future is never moved out of it.
        let future = unsafe { this.future.map_unchecked_mut(|future| &mut **future) };
        let Some(entry) = this.entry else {
            return future.poll(cx);
        };
        let entered = entry.enter_with(cx.waker());
        let poll = future.poll(cx);
        entered.returned(poll.is_ready());
        poll
    }
}
