//! How far an assisted task's future has come.
#![allow(unsafe_code)]

use super::wakes::Wakes;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::thread::ThreadId;

pub(super) struct Stage<F: Future> {
    progress: Progress<F>,
    /// Where the runtime polled it last, or will for the first time, if that is known.
    pub(super) thread: Option<ThreadId>,
    pub(super) wakes: Wakes,
}

pin_project_lite::pin_project! {
    #[project = ProgressNow]
    #[project_replace = ProgressBefore]
    pub(super) enum Progress<F: Future> {
        /// The runtime polled it to its end, or has yet to.
        Running { #[pin] future: F },
        /// The guard polled it to its end.
        Finished { result: std::thread::Result<F::Output> },
        /// The guard dropped it since it was aborted; or the runtime has taken what there was.
        Gone,
    }
}

impl<F: Future> Stage<F> {
    pub(super) fn new(future: F, thread: Option<ThreadId>) -> Self {
        Self {
            progress: Progress::Running { future },
            thread,
            wakes: Wakes::Runtime(None),
        }
    }

    /// The parts of a stage, of which the future stays where it is.
    ///
    /// # Safety
    /// The stage is not moved any more until it is dropped.
    pub(super) unsafe fn parts(
        &mut self,
    ) -> (Pin<&mut Progress<F>>, &mut Option<ThreadId>, &mut Wakes) {
        // SAFETY: the caller's promise; `progress` is private, and this is the only way to it.
        let progress = unsafe { Pin::new_unchecked(&mut self.progress) };
        (progress, &mut self.thread, &mut self.wakes)
    }
}

/// The running thread, which the standard library tells by a handle that is counted.
pub(super) fn this_thread() -> ThreadId {
    thread_local! {
        static THIS: Cell<Option<ThreadId>> = const { Cell::new(None) };
    }
    let known = THIS.try_with(Cell::get).ok().flatten();
    known.unwrap_or_else(|| {
        let this = std::thread::current().id();
        let _ = THIS.try_with(|known| known.set(Some(this)));
        this
    })
}
