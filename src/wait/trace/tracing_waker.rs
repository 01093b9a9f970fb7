//! The waker that a traced poll hands to the future.
//!
//! It lives as long as the poll and is never cloned: what `clone` gives is a clone of the task's real
//! waker. A waker may do that: whoever wakes the clone wakes the task that the original would have.
//!
//! This file is one of the few with unsafe code: it is a waker by hand.
#![allow(unsafe_code)]

use super::capture::{self, Captures, Outer};
use crate::registry::inquiry::Found;
use crate::stack::Addresses;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What the waker's data points at.
pub(super) struct Tracer {
    real: Waker,
    /// The thread that polls. A future may lend its waker to others, whose stacks say nothing.
    thread: usize,
    /// Whether it was cloned or woken, by whatever thread.
    taken: AtomicBool,
    /// Only ever tried: a leaf that the capture runs in must not wait for another.
    captures: Mutex<Captures>,
    outer: Outer,
}

/// The waker of one traced poll.
pub(super) struct TracingWaker {
    // Invariant: its data is the address of `*tracer`, and its vtable `VTABLE`. Never dropped, since
    // it owns nothing.
    waker: ManuallyDrop<Waker>,
    // Owned by this alone. No box: a box that is moved may not be pointed at from elsewhere.
    tracer: Arc<Tracer>,
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

thread_local! {
    static HERE: u8 = const { 0 };
}

/// A number that no other living thread has.
fn thread() -> usize {
    HERE.try_with(|here| std::ptr::from_ref(here).addr())
        .unwrap_or(0)
}

impl TracingWaker {
    pub(super) fn new(real: &Waker, captures: Captures, outer: Outer) -> Self {
        let tracer = Arc::new(Tracer {
            real: real.clone(),
            thread: thread(),
            taken: AtomicBool::new(false),
            captures: Mutex::new(captures),
            outer,
        });
        let data = Arc::as_ptr(&tracer).cast::<()>();
        // SAFETY: the functions of `VTABLE` uphold the contract of a waker as long as `data` points at
        // a `Tracer`: it does as long as this value lives, which owns the tracer and lends the waker
        // out by reference only. A reference can be made to outlive it only by a clone, and clones do not
        // point here.
        let waker = ManuallyDrop::new(unsafe { Waker::new(data, &VTABLE) });
        Self { waker, tracer }
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Whether any future took it, or woke by it.
    pub(super) fn was_taken(&self) -> bool {
        // Whoever did so on another thread was waited for by the poll, or it counts as later.
        self.tracer.taken.load(Ordering::Relaxed)
    }

    /// What was captured. Nothing of the task is held any more once this is known.
    pub(super) fn found(self) -> Arc<[Found]> {
        let captures = self.tracer.captures.lock();
        captures.unwrap_or_else(PoisonError::into_inner).found()
    }
}

/// The task's own waker, be it the one given or behind a tracing one.
pub(crate) fn real(waker: &Waker) -> &Waker {
    if std::ptr::eq(waker.vtable(), &VTABLE) {
        // SAFETY: only `TracingWaker::new` makes wakers of this vtable, none is ever cloned, and the one
        // that is borrowed here is borrowed from a `TracingWaker`, whose tracer lives as long.
        unsafe { &(*waker.data().cast::<Tracer>()).real }
    } else {
        waker
    }
}

impl Tracer {
    /// Runs inside leaf futures and under their locks: takes no lock that anybody else holds for
    /// longer than a copy, and does not allocate.
    #[inline(never)]
    fn capture(&self, wakes: bool) {
        self.taken.store(true, Ordering::Relaxed);
        if thread() != self.thread {
            return;
        }
        let mut addresses = Addresses::new();
        if capture::walk_inside(self.outer, &mut addresses)
            && let Ok(mut captures) = self.captures.try_lock()
        {
            captures.add(&addresses, wakes);
        }
    }
}

/// # Safety
/// As of all functions of the vtable: `data` is that of a waker that `TracingWaker::new` made.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: `TracingWaker` keeps the tracer alive as long as its waker is lent out.
    let tracer = unsafe { &*data.cast::<Tracer>() };
    tracer.capture(false);
    let real = ManuallyDrop::new(tracer.real.clone());
    RawWaker::new(real.data(), real.vtable())
}

unsafe fn wake(data: *const ()) {
    // SAFETY: passed on. Nothing is to be dropped: the waker owns nothing.
    unsafe { wake_by_ref(data) }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    let tracer = unsafe { &*data.cast::<Tracer>() };
    tracer.capture(true);
    tracer.real.wake_by_ref();
}

unsafe fn drop(_: *const ()) {}
