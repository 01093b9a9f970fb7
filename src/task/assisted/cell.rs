//! A task's future where its runtime and a guard can both reach it.
#![allow(unsafe_code)]

use super::stage::{Progress, ProgressBefore, ProgressNow, Stage, this_thread};
use super::visit::{Assist, Reach, Visit};
use crate::registry::inquiry;
use crate::registry::slot::Reading;
use crate::registry::{Scope, Slot, TaskKind, current, entered, entry};
use crate::wait::Header;
use crate::wait::trace::{self, TracedPoll};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use tokio::runtime::Handle;

/// A task's future, for the runtime and the guard in turn. It stays where it is made, behind an `Arc`.
///
/// Whoever polls or drops the future holds the lock of `stage` while it runs foreign code. That
/// breaks the rule that locks are never held over foreign code, knowingly: the lock *is* the right
/// to poll. Nobody waits for it on the thread that holds it: the guard only tries.
pub(in crate::task) struct Cell<F: Future> {
    stage: Mutex<Stage<F>>,
    /// Held for moments only, unlike `stage`, so that a spawner can wait for it.
    whereabouts: Mutex<Whereabouts>,
    /// Whose guard may wait for the task.
    scope: Option<&'static Scope>,
    /// A closure on the blocking pool spawned it, for a thread that it does not know.
    spawned_by_closure: bool,
    /// What the task's code may want to find around it: its runtime's timers, sockets and spawner.
    runtime: Option<Handle>,
}

/// Where the task is whose future this is.
enum Whereabouts {
    /// Being spawned, or where nothing can be read.
    Unknown,
    At(Header),
    /// The runtime has dropped the future, or is about to.
    Gone,
}

impl<F: Future> Cell<F> {
    #[allow(
        clippy::arc_with_non_send_sync,
        reason = "one type serves local futures too"
    )]
    pub(super) fn new(slot: &'static Slot, runtime: Option<Handle>, future: F) -> Arc<Self> {
        let spawner = current::task().and_then(Slot::read);
        let spawned_by_closure = spawner.is_some_and(|task| task.kind() == TaskKind::Blocking);
        Arc::new(Self {
            stage: Mutex::new(Stage::new(future, (!spawned_by_closure).then(this_thread))),
            whereabouts: Mutex::new(Whereabouts::Unknown),
            scope: slot.scope_entry(),
            spawned_by_closure,
            runtime,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Stage<F>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for a guard; none while somebody polls or drops the future.
    fn try_lock(&self) -> Option<MutexGuard<'_, Stage<F>>> {
        match self.stage.try_lock() {
            Ok(stage) => Some(stage),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Tells the cell where its task is, after the spawn that made the task.
    pub(in crate::task) fn set_header(&self, header: Option<Header>) {
        if let Some(header) = header {
            let mut whereabouts = self.whereabouts();
            if matches!(*whereabouts, Whereabouts::Unknown) {
                *whereabouts = Whereabouts::At(header);
            }
        }
        if self.spawned_by_closure {
            // A guard may be waiting already, and be the only one to poll the task.
            if let Some(scope) = self.scope {
                scope.gate().notify();
            }
        }
    }

    fn whereabouts(&self) -> MutexGuard<'_, Whereabouts> {
        self.whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn is_gone(&self) -> bool {
        matches!(*self.whereabouts(), Whereabouts::Gone)
    }

    /// Whether the runtime will poll the task at its next turn, and whether to cancel it then.
    fn due(&self) -> (bool, bool) {
        let whereabouts = self.whereabouts();
        let Whereabouts::At(header) = *whereabouts else {
            return (false, false);
        };
        // SAFETY: the runtime's future for this task is the `Assisted`, whose drop sets the
        // whereabouts to `Gone` under the lock that is held here: so it has not been dropped, and
        // is not before the lock is released.
        unsafe { (header.is_notified(), header.is_cancelled()) }
    }

    /// The runtime polls the task.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut stage = self.lock();
        // SAFETY: the stage is in a cell, and cells are made behind an `Arc` that is never unwrapped.
        let (mut progress, thread, wakes) = unsafe { stage.parts() };
        match progress.as_mut().project() {
            ProgressNow::Running { future } => {
                *thread = Some(this_thread());
                wakes.polled_by_runtime(trace::real(cx.waker()));
                future.poll(cx)
            }
            ProgressNow::Finished { .. } => {
                let before = progress.project_replace(Progress::Gone);
                drop(stage);
                match before {
                    ProgressBefore::Finished { result: Ok(output) } => Poll::Ready(output),
                    ProgressBefore::Finished { result: Err(panic) } => resume_unwind(panic),
                    _ => unreachable!("just matched"),
                }
            }
            // Aborted: the runtime does not poll it any more.
            ProgressNow::Gone => Poll::Pending,
        }
    }

    /// The runtime drops the task.
    pub(super) fn leave(&self) {
        *self.whereabouts() = Whereabouts::Gone;
        if Visiting::is(std::ptr::from_ref(self).addr()) {
            // The guard is at the task on this very thread, and the task has shut its runtime down:
            // the stage is the guard's, which finds the task gone when it is done with it.
            return;
        }
        let mut stage = self.lock();
        // SAFETY: as in `poll`.
        let (mut progress, ..) = unsafe { stage.parts() };
        let before = progress.as_mut().project_replace(Progress::Gone);
        drop(stage);
        // What a guard's poll returned; the future itself was dropped where it was.
        drop(before);
    }

    /// Drops a task's future as the task, and takes the task off its scope.
    fn end(&self, slot: &'static Slot, drop_future: impl FnOnce()) {
        let entered = entered::enter_drop(slot);
        let dropped = catch_unwind(AssertUnwindSafe(drop_future));
        if self.is_gone() {
            // It made its runtime drop the task, whose record is no more.
            entered.abandon();
        } else {
            match &dropped {
                Ok(()) => entered.abandon(),
                // The task's end, as it is where the runtime drops it.
                Err(_) => drop(entered),
            }
            entry::settle(slot);
            if slot.is_wanted() {
                inquiry::tell(slot, slot.id(), &inquiry::Answer::Ended);
            }
        }
        if dropped.is_err() {
            crate::note::say("a task's future panicked when a guard dropped it after its abort");
        }
    }
}

impl<F: Future> Assist for Cell<F> {
    fn visit(&self, task: &Reading, anyway: bool) -> Visit {
        let Some(mut stage) = self.try_lock() else {
            return Visit::Left;
        };
        // SAFETY: as in `poll`.
        let (mut progress, thread, wakes) = unsafe { stage.parts() };
        if thread.is_some_and(|thread| thread != this_thread()) {
            return Visit::Elsewhere;
        }
        let _context = self.runtime.as_ref().map(Handle::enter);
        let (notified, cancelled) = self.due();
        let ProgressNow::Running { future } = progress.as_mut().project() else {
            return Visit::Left;
        };
        let _visiting = Visiting::begin(std::ptr::from_ref(self).addr());
        if cancelled {
            self.end(task.slot, || progress.set(Progress::Gone));
            return Visit::Ended;
        }
        // A task that the runtime has queued stays so until the runtime polls it: the guard does
        // that once, and then goes by the wakes of the waker that it polled with.
        let queued = notified && !wakes.is_consumed();
        if !(wakes.take_due() || queued || anyway) {
            return Visit::Left;
        }
        let waker = wakes.both(self.scope).consume();
        let entered = entered::enter_assisted(task.slot);
        // Called in this very function, which is where the traces end.
        let traced = if task.slot.is_wanted() {
            Some(TracedPoll::begin(task.slot, &waker))
        } else {
            None
        };
        let waker = traced.as_ref().map_or(&waker, |traced| traced.waker());
        let poll = catch_unwind(AssertUnwindSafe(|| poll_freely(future, waker)));
        if self.is_gone() {
            // The task itself made its runtime drop it, and its record is no more: what is left of
            // it ends with this cell.
            entered.abandon();
            return Visit::Ended;
        }
        let result = match poll {
            Ok(Poll::Pending) => {
                entered.returned(false);
                if let Some(traced) = traced {
                    traced.pending();
                }
                return Visit::Polled;
            }
            Ok(Poll::Ready(output)) => {
                entered.returned(true);
                Ok(output)
            }
            Err(panic) => {
                drop(entered);
                Err(panic)
            }
        };
        let runtime = wakes.runtime();
        self.end(task.slot, || progress.set(Progress::Finished { result }));
        drop(stage);
        // The runtime has to come by to deliver the output.
        if let Some(waker) = runtime {
            waker.wake();
        }
        Visit::Ended
    }

    fn reach(&self) -> Reach {
        match self.try_lock() {
            Some(stage) => stage.wakes.reach(),
            None => Reach {
                own: 0,
                wakeable: true,
            },
        }
    }
}

thread_local! {
    /// The cells whose futures a guard polls or drops on this thread, by address.
    static VISITED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, a guard is at a cell's future on this thread.
struct Visiting;

impl Visiting {
    fn begin(cell: usize) -> Self {
        let _ = VISITED.try_with(|visited| visited.borrow_mut().push(cell));
        Self
    }

    fn is(cell: usize) -> bool {
        VISITED
            .try_with(|visited| visited.borrow().contains(&cell))
            .unwrap_or(false)
    }
}

impl Drop for Visiting {
    fn drop(&mut self) {
        let _ = VISITED.try_with(|visited| visited.borrow_mut().pop());
    }
}

/// Polls outside of the cooperative budget, which only the runtime can refill.
fn poll_freely<F: Future>(mut future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    let freely = tokio::task::unconstrained(poll_fn(|cx| future.as_mut().poll(cx)));
    pin!(freely).poll(&mut Context::from_waker(waker))
}
