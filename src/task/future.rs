//! The future of a tracked task.
#![allow(unsafe_code)]

use super::shutdown;
use crate::registry::local::{self, Local};
use crate::registry::slot::Begun;
use crate::registry::{
    Entered, Entry, Slot, first_poll_begins, give_back, is_usual_poll, note_first_poll,
    note_number, own_spawn,
};
use crate::wait::trace::TracedPoll;
use crate::wait::{header_of, known_header_of};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A future and its task's entry in the registry: what the runtime polls in place of the future.
///
/// It hands the task's own waker through, so that a poll costs a few stores.
#[must_use = "futures do nothing unless they are spawned or awaited"]
pub(crate) struct TaskFuture<F> {
    // Taken by hand, once, when the whole is dropped: what is taken there is not looked at again.
    entry: ManuallyDrop<Option<Entry>>,
    // Dropped by hand, so that the task is the current one while its future is dropped. Pinned with
    // the whole: it is moved out only while nothing is pinned yet, by `into_inner`.
    future: ManuallyDrop<F>,
}

// What is not pinned with the whole is `Unpin` in any case.
impl<F: Unpin> Unpin for TaskFuture<F> {}

impl<F> Drop for TaskFuture<F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: taken once, since the whole is going away (`into_inner` forgets it).
        let entry = unsafe { ManuallyDrop::take(&mut self.entry) };
        let Some(entry) = entry else {
            // SAFETY: dropped in place, and nothing reads it after this, because this is the only place
            // that drops it (`into_inner` forgets the whole) and the whole is going away.
            return unsafe { ManuallyDrop::drop(&mut self.future) };
        };
        let slot = entry.slot();
        // Before the drop, which may wake the task itself: it may own its own sender.
        own_spawn::refused(slot);
        shutdown::note_end(&entry);
        let entered = entry.enter_drop();
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut self.future) };
        entered.abandon();
        give_back(entry);
    }
}

impl<F> TaskFuture<F> {
    /// Without an entry, the future is polled as if it stood alone.
    #[inline]
    pub(super) fn new(future: F) -> Self {
        Self {
            entry: ManuallyDrop::new(None),
            future: ManuallyDrop::new(future),
        }
    }

    /// The future, which belonged to no task, belongs to this one from now on. In place: what is moved
    /// is copied.
    #[inline(always)]
    pub(super) fn set(&mut self, entry: Entry) {
        self.entry = ManuallyDrop::new(Some(entry));
    }

    /// The same for one that is pinned, or to no task.
    pub(super) fn begin(self: Pin<&mut Self>, entry: Option<Entry>) {
        // SAFETY: the entry is not pinned with the whole.
        *unsafe { self.get_unchecked_mut() }.entry = entry;
    }

    /// The future of one without an entry.
    #[inline]
    pub(super) fn into_inner(self) -> F {
        let mut whole = ManuallyDrop::new(self);
        drop(whole.entry.take());
        // SAFETY: taken once, since the whole, which is not pinned, is forgotten.
        unsafe { ManuallyDrop::take(&mut whole.future) }
    }
}

impl<F: Future> Future for TaskFuture<F> {
    type Output = F::Output;

    /// It is what a runtime polls, so its memory is part of the task's.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_noting(cx, |slot, waker| {
            let noted = local::with(|local| note_first(Some(local), slot, waker));
            noted.unwrap_or_else(|| note_first(None, slot, waker));
        })
    }
}

impl<F: Future> TaskFuture<F> {
    /// The same for one that any other spawner may poll in one task now and in another later.
    #[inline(always)]
    pub(super) fn poll_anywhere(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_noting(cx, |slot, _| first_poll_begins(slot))
    }

    #[inline(always)]
    fn poll_noting(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        note_first: impl FnOnce(&'static Slot, &Waker),
    ) -> Poll<F::Output> {
        // SAFETY: the future stays where it is; it is never moved out of what is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: pinned with the whole.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        let Some(entry) = &*this.entry else {
            return future.poll(cx);
        };
        let (entered, begun) = entry.enter();
        if begun != Begun::Again {
            if begun == Begun::Traced {
                return poll_traced(future, entry, entered, cx);
            }
            note_first(entry.slot(), cx.waker());
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

/// Notes what the first poll of a runtime's own task tells.
#[inline(never)]
fn note_first(local: Option<&Local>, slot: &'static Slot, waker: &Waker) {
    if let Some(header) = known_header_of(waker)
        && local.is_some_and(|local| is_usual_poll(local, slot))
    {
        slot.set_header(header);
        return note_number(slot);
    }
    note_first_otherwise(local, slot, waker);
}

/// The same where tokio's waker is not known yet, the thread is new to the runtime, or somebody wants to
/// know when tasks are first polled.
#[inline(never)]
fn note_first_otherwise(local: Option<&Local>, slot: &'static Slot, waker: &Waker) {
    if let Some(header) = header_of(waker) {
        slot.set_header(header);
    }
    note_first_poll(local, slot);
}
