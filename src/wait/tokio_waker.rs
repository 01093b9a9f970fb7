//! Waking a task that nobody handed a waker out for.
//!
//! tokio polls a task with a waker that is two words: a pointer to the task's header, and one vtable
//! for all tasks. A probe task shows the vtable once; the header of every task is noted at its first
//! poll, if the waker of that poll has this vtable. The two together are the waker again, as long as
//! the task's memory is there, and its own `clone` makes of it one that may be kept.
//!
//! This file is one of the few with unsafe code: it puts a waker together.
#![allow(unsafe_code)]

use super::learned::{Failed, Learned};
use crate::registry::pin;
use crate::registry::slot::Reading;
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, RawWakerVTable, Waker};

/// The vtable of tokio's tasks, once it was found and seen again; null before.
static SEEN: AtomicPtr<RawWakerVTable> = AtomicPtr::new(null_mut());

/// The task's header, if this is the waker that tokio polls a task with.
#[inline]
pub(crate) fn header_of(waker: &Waker) -> Option<*const ()> {
    known_header_of(waker).or_else(|| is_tokios(waker).then(|| waker.data()))
}

/// The same, if the waker was seen before to be one of those.
#[inline]
pub(crate) fn known_header_of(waker: &Waker) -> Option<*const ()> {
    std::ptr::eq(waker.vtable(), SEEN.load(Relaxed)).then(|| waker.data())
}

#[inline(never)]
fn is_tokios(waker: &Waker) -> bool {
    let Some(vtable) = vtable().filter(|vtable| std::ptr::eq(waker.vtable(), *vtable)) else {
        return false;
    };
    SEEN.store(std::ptr::from_ref(vtable).cast_mut(), Relaxed);
    true
}

/// The vtable of tokio's tasks.
#[inline]
fn vtable() -> Option<&'static RawWakerVTable> {
    static VTABLE: Learned<Option<&'static RawWakerVTable>> = Learned::new();
    VTABLE.get(probe).flatten()
}

/// Polls a task of tokio's by hand and looks at its waker. A `LocalSet` needs no runtime for that, and
/// no thread.
#[cold]
fn probe() -> Result<Option<&'static RawWakerVTable>, Failed> {
    let probe = || {
        let (send, mut receive) = tokio::sync::oneshot::channel();
        let mut send = Some(send);
        let local = tokio::task::LocalSet::new();
        local.spawn_local(poll_fn(move |cx| {
            if let Some(send) = send.take() {
                let _ = send.send(cx.waker().vtable());
            }
            Poll::Ready(())
        }));
        let mut local = pin!(local);
        let _ = local.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        receive.try_recv().ok()
    };
    // It panics where the thread is ending.
    catch_unwind(AssertUnwindSafe(probe)).map_err(|_| Failed)
}

/// Wakers of those of these tasks that are alive and can be woken.
pub(super) fn wakers(tasks: &[Reading]) -> Vec<Waker> {
    let Some(vtable) = vtable() else {
        return Vec::new();
    };
    let mut wakers = Vec::with_capacity(tasks.len());
    pin::with_headers(tasks, |_, header| {
        // SAFETY: `header` is the data of the waker that tokio itself polled the task with, and
        // `vtable` that waker's vtable: `header_of` noted it only then. tokio keeps that waker valid
        // without a reference of its own as long as the task's memory is there, and `with_headers`
        // says that it is until this closure returns. `ManuallyDrop` because that waker is not ours.
        let borrowed = ManuallyDrop::new(unsafe { Waker::new(header.as_ptr(), vtable) });
        wakers.push(Waker::clone(&borrowed));
    });
    wakers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_is_polled_with_the_vtable_of_the_probe() {
        let is_known = |cx: &mut Context<'_>| Poll::Ready(header_of(cx.waker()).is_some());
        assert!(tokio::spawn(poll_fn(is_known)).await.unwrap());
        let local = tokio::task::LocalSet::new();
        let task = local.spawn_local(poll_fn(is_known));
        assert!(local.run_until(task).await.unwrap());
    }

    #[tokio::test]
    async fn another_waker_is_not_taken_for_a_task() {
        assert!(header_of(Waker::noop()).is_none());
    }
}
