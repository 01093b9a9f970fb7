//! Which runtime the thread drives. That a runtime's handle is current here says less: anybody may enter it.

use crate::registry::{TrackedRuntime, tokio_ids};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Wake, Waker};
use tokio::sync::mpsc;
use tokio::task::yield_now;

/// More than what tokio lets one poll do before it has to make way.
const MORE_THAN_A_POLL_MAY: usize = 1 << 8;

/// The runtime that this thread drives or waits in, and that so nobody can drop now; none if its handle was only
/// entered.
pub(super) fn runtime() -> Option<&'static TrackedRuntime> {
    let current = TrackedRuntime::current()?;
    let is_in_it = by_this_thread()
        || (!current.is_current_thread()
            && (tokio_ids::current_task().is_some() || may_be_in_block_on()));
    is_in_it.then_some(current)
}

/// Whether this thread runs a runtime's tasks: it is a worker, or inside a current-thread runtime.
pub(super) fn by_this_thread() -> bool {
    // Who yields to a scheduler is woken by it, later. Where there is none, at once.
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
    !woken.0.load(Relaxed)
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// Whether this may be in a poll of a future that a multi-thread runtime's `block_on` was given, where nothing else tells
/// it from a thread that entered the runtime: what such a poll may do is limited. Uses up what is left of that, so the
/// next thing that is awaited in this poll makes way once.
fn may_be_in_block_on() -> bool {
    // Its end can be received as often as one likes.
    let (_, mut receive) = mpsc::unbounded_channel::<()>();
    let mut context = Context::from_waker(Waker::noop());
    (0..MORE_THAN_A_POLL_MAY).any(|_| receive.poll_recv(&mut context).is_pending())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::{Builder, Runtime};

    fn runtimes() -> [Runtime; 2] {
        let multi_thread = Builder::new_multi_thread().worker_threads(1).build();
        [Builder::new_current_thread().build(), multi_thread].map(Result::unwrap)
    }

    fn is_driven() -> bool {
        runtime().is_some()
    }

    #[test]
    fn who_runs_or_waits_in_a_runtime_is_told_from_who_entered_it() {
        assert!(!is_driven());
        for runtime in runtimes() {
            let entered = runtime.enter();
            assert!(!is_driven());
            drop(entered);
            assert!(runtime.block_on(async { is_driven() }));
            let task = async { tokio::spawn(async { is_driven() }).await.unwrap() };
            assert!(runtime.block_on(task));
        }
    }

    #[test]
    fn a_handle_drives_no_current_thread_runtime() {
        let [runtime, _] = runtimes();
        assert!(!runtime.handle().block_on(async { is_driven() }));
        let beside = async {
            let handle = tokio::runtime::Handle::current();
            let entered = std::thread::spawn(move || {
                let _entered = handle.enter();
                is_driven()
            });
            entered.join().unwrap()
        };
        assert!(!runtime.block_on(beside));
    }
}
