//! Telling a task that its runtime's shutdown killed from one that was aborted.
//!
//! Both end by having their future dropped unfinished, and a `JoinHandle` is tokio's own, so the
//! abort itself is not seen. But a runtime that is shutting down takes no new tasks: it drops them
//! at once. So one is offered, and whether it is dropped tells. Only scopes that want to know pay.

use crate::registry::slot::flag;
use crate::registry::{Entry, TaskInfo, TaskKind};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// Remembers the task for its scope, if it ends because its runtime is shut down.
pub(super) fn record_if_killed(entry: &Entry) {
    const ENDED: u32 = flag::COMPLETED | flag::PANICKED | flag::SETTLED | flag::BACKGROUND;
    let slot = entry.slot();
    if slot.flags() & ENDED != 0 {
        return;
    }
    let Some(scope) = entry.scope().filter(|scope| scope.keeps_killed()) else {
        return;
    };
    let Some(reading) = slot.read() else { return };
    let killed = match reading.kind() {
        TaskKind::Task | TaskKind::Future => runtime_is_shutting_down(),
        TaskKind::Local => local_set_is_shutting_down(),
        TaskKind::Blocking => false,
    };
    if killed && let Some(task) = TaskInfo::of(&reading) {
        scope.add_killed(task);
    }
}

fn runtime_is_shutting_down() -> bool {
    let Ok(runtime) = Handle::try_current() else {
        // The future was never spawned, or is dropped with what it was stored in.
        return false;
    };
    let refused = Arc::new(AtomicBool::new(false));
    runtime.spawn(Probe {
        refused: refused.clone(),
        polled: false,
    });
    refused.load(SeqCst)
}

fn local_set_is_shutting_down() -> bool {
    let refused = Rc::new(AtomicBool::new(false));
    let probe = Probe {
        refused: refused.clone(),
        polled: false,
    };
    // Outside of any LocalSet tokio panics: then the thread itself is ending.
    let spawned = catch_unwind(AssertUnwindSafe(|| tokio::task::spawn_local(probe)));
    spawned.is_err() || refused.load(SeqCst)
}

/// Notes whether it is dropped without ever having been polled.
struct Probe<Flag: std::ops::Deref<Target = AtomicBool>> {
    refused: Flag,
    polled: bool,
}

impl<Flag: std::ops::Deref<Target = AtomicBool> + Unpin> Future for Probe<Flag> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.polled = true;
        Poll::Ready(())
    }
}

impl<Flag: std::ops::Deref<Target = AtomicBool>> Drop for Probe<Flag> {
    fn drop(&mut self) {
        if !self.polled {
            self.refused.store(true, SeqCst);
        }
    }
}
