//! The task that ends a guard, where tokio does not tell which one runs: by the waker that it is polled with.

use crate::census;
use crate::registry::{current, tokio_ids};
use crate::wait::header_of;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use tokio::runtime::Handle;

thread_local! {
    /// The header of the task that is polling [`noted`] on this thread; 0 if that is unknown.
    static HEADER: Cell<usize> = const { Cell::new(0) };
}

/// Puts back what was noted before, however the poll ends.
struct Noted(usize);

impl Drop for Noted {
    fn drop(&mut self) {
        let _ = HEADER.try_with(|noted| noted.set(self.0));
    }
}

/// Takes a note of the task that polls this, if nothing else tells it.
pub(super) async fn noted<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        if tokio_ids::tells_tasks() {
            return future.as_mut().poll(cx);
        }
        let header = header_of(cx.waker()).map_or(0, <*const ()>::addr);
        let _noted = Noted(HEADER.try_with(|noted| noted.replace(header)).unwrap_or(0));
        future.as_mut().poll(cx)
    })
    .await
}

/// Whether an untracked task is known to ask of which tokio tells nothing.
pub(super) fn is_untold() -> bool {
    current::task().is_none() && HEADER.try_with(Cell::get).is_ok_and(|header| header != 0)
}

/// tokio's number of the task that asks, which may be on this runtime.
pub(super) fn number(handle: &Handle) -> Option<u64> {
    if !is_untold() {
        return tokio_ids::current_task();
    }
    let header = HEADER.try_with(Cell::get).ok()?;
    let tasks = census::take(handle).ok()?;
    let asks = tasks.iter().find(|task| task.address == header)?;
    Some(asks.id)
}
