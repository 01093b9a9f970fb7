//! Whether the runtime that the thread is in is being shut down.
//!
//! tokio doesn't tell, but a runtime that is shutting down takes no new tasks: it drops them at once. So
//! one is offered, and whether it is dropped tells. That is not done more often than it must be: a
//! runtime that has refused one task refuses all, so its number is kept; and one of taskleak's own type says
//! beforehand that it is about to be shut down, and until then need not be asked.

use crate::registry::{Slot, own_spawn, tokio_ids};
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Runtimes that are being shut down or were, by tokio's number. Each has the place that its number
/// tells, until another needs it: then it is asked again.
static ENDED: Places<16> = Places::new();
/// Runtimes of which [`Told`] is kept. One that finds its place taken is asked.
static TOLD: Places<64> = Places::new();

struct Places<const COUNT: usize>([AtomicU64; COUNT]);

impl<const COUNT: usize> Places<COUNT> {
    const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; COUNT])
    }

    fn place(&self, number: u64) -> &AtomicU64 {
        &self.0[(number % COUNT as u64) as usize]
    }

    fn has(&self, number: u64) -> bool {
        self.place(number).load(SeqCst) == number
    }

    fn put(&self, number: u64) {
        self.place(number).store(number, SeqCst);
    }

    fn put_if_free(&self, number: u64) {
        let _ = self
            .place(number)
            .compare_exchange(0, number, SeqCst, SeqCst);
    }

    fn remove(&self, number: u64) {
        let _ = self
            .place(number)
            .compare_exchange(number, 0, SeqCst, SeqCst);
    }
}

/// The runtime's number, if no other will ever have it.
fn number(runtime: &Handle) -> Option<u64> {
    (!tokio_ids::runtime_numbers_return(runtime)).then(|| tokio_ids::runtime(runtime))
}

/// A runtime that is shut down only after this was dropped.
#[derive(Debug)]
pub(crate) struct Told(Option<u64>);

impl Told {
    pub(crate) fn of(runtime: &Handle) -> Self {
        let number = number(runtime);
        if let Some(number) = number {
            TOLD.put_if_free(number);
        }
        Self(number)
    }

    /// From now on it may be shut down without that.
    pub(crate) fn let_go(&mut self) {
        if let Some(number) = self.0.take() {
            TOLD.remove(number);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            // In this order: who finds neither asks.
            ENDED.put(number);
            TOLD.remove(number);
        }
    }
}

/// Whether the runtime that the thread is in is being shut down. If that isn't known and it may not be
/// asked, it is taken not to be.
pub(super) fn is_here(may_ask: bool) -> bool {
    let Ok(runtime) = Handle::try_current() else {
        // The future was never spawned, or is dropped with what it was stored in.
        return false;
    };
    let number = number(&runtime);
    if number.is_some_and(|number| ENDED.has(number)) {
        return true;
    }
    if number.is_some_and(|number| TOLD.has(number)) || !may_ask {
        return false;
    }
    let is_ended = Probe::is_refused_by(|probe| drop(runtime.spawn(probe)));
    if is_ended && let Some(number) = number {
        ENDED.put(number);
    }
    is_ended
}

thread_local! {
    /// The task that this thread is handing to another runtime than it is in.
    static OFFERED: Cell<Option<&'static Slot>> = const { Cell::new(None) };
    /// The probe that was last dropped here without having been polled.
    static REFUSED: Cell<u64> = const { Cell::new(0) };
}

/// While it lives, this thread hands a task to a runtime that it need not be in. If the task ends
/// meanwhile on this thread, that runtime has refused it.
#[must_use = "the task counts as offered while this lives"]
pub(super) struct Offered(());

impl Offered {
    pub(super) fn now(slot: &'static Slot) -> Self {
        let _ = OFFERED.try_with(|offered| offered.set(Some(slot)));
        Self(())
    }

    /// Whether this task is being handed over by this thread.
    pub(super) fn is(slot: &'static Slot) -> bool {
        let offered = OFFERED.try_with(Cell::get).ok().flatten();
        offered.is_some_and(|offered| std::ptr::eq(offered, slot))
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        let _ = OFFERED.try_with(|offered| offered.set(None));
    }
}

/// Tells whether it is dropped without ever having been polled, at once and by the thread that spawned it.
pub(super) struct Probe {
    number: u64,
    polled: bool,
}

impl Probe {
    /// Whether the probe is dropped by who is to spawn it.
    pub(super) fn is_refused_by(spawn: impl FnOnce(Self)) -> bool {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, SeqCst);
        let _announced = own_spawn::announce_probe();
        spawn(Self {
            number,
            polled: false,
        });
        REFUSED.try_with(Cell::get).is_ok_and(|last| last == number)
    }
}

impl Future for Probe {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.polled = true;
        Poll::Ready(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.polled {
            let _ = REFUSED.try_with(|refused| refused.set(self.number));
        }
    }
}
