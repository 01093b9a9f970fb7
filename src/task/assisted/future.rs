//! What the runtime polls of an assisted task.

use super::cell::Cell;
use super::table::Registered;
use crate::registry::Slot;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// The future that the runtime polls: a handle to the cell.
pub(in crate::task) struct Assisted<F: Future> {
    cell: Arc<Cell<F>>,
    registered: Registered,
}

impl<F> Assisted<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// The future to be polled by the runtime, and its cell.
    pub(in crate::task) fn new(
        slot: &'static Slot,
        runtime: Option<Handle>,
        future: F,
    ) -> (Self, Arc<Cell<F>>) {
        let cell = Cell::new(slot, runtime, future);
        let registered = Registered::anywhere(slot.id(), cell.clone());
        let this = Self {
            cell: cell.clone(),
            registered,
        };
        (this, cell)
    }
}

impl<F: Future + 'static> Assisted<F> {
    /// The same for a future that stays on this thread.
    pub(in crate::task) fn new_local(slot: &'static Slot, future: F) -> (Self, Arc<Cell<F>>) {
        let cell = Cell::new(slot, Handle::try_current().ok(), future);
        let registered = Registered::on_this_thread(slot.id(), cell.clone());
        let this = Self {
            cell: cell.clone(),
            registered,
        };
        (this, cell)
    }
}

impl<F: Future> Future for Assisted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.cell.poll(cx)
    }
}

impl<F: Future> Drop for Assisted<F> {
    fn drop(&mut self) {
        self.registered.remove();
        self.cell.leave();
    }
}
