//! Time boxes: how long a task may take.

use super::events;
use super::extras::{self, Attached};
use super::slot::{Reading, Slot};
use super::{TaskId, alarm, ledger};
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// What happens to a task whose [time box](crate::task::Builder::timebox) is over.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::task::{Builder, TimeboxAction};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let slow = Builder::new()
///     .timebox(Duration::from_millis(5))
///     .on_timebox(TimeboxAction::Abort)
///     .spawn(std::future::pending::<()>());
/// assert!(slow.await.unwrap_err().is_cancelled());
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum TimeboxAction {
    /// The task's status says so, observers are told once, and the task goes on.
    #[default]
    Flag,
    /// The same, and the task is aborted. It is so also while tracking is off: such a task is tracked
    /// all the same.
    Abort,
}

/// What a task was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Timebox {
    pub(crate) limit: Option<Duration>,
    pub(crate) action: TimeboxAction,
}

impl Timebox {
    pub(super) fn aborts(self) -> bool {
        self.limit.is_some() && self.action == TimeboxAction::Abort
    }
}

/// What has become of it.
pub(crate) struct Timed {
    timebox: Timebox,
    since: Instant,
    is_over: AtomicBool,
    /// Taken away when the task ends: it keeps the task's memory.
    abort: Mutex<Option<AbortHandle>>,
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timebox.fmt(f)
    }
}

impl Timed {
    pub(super) fn new(timebox: Timebox) -> Self {
        Self {
            timebox,
            since: Instant::now(),
            is_over: AtomicBool::new(false),
            abort: Mutex::new(None),
        }
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timebox.limit
    }

    /// Whether the task was found to have been alive for longer.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Whether it is over now, and this is the first to say so.
    fn is_newly_over(&self) -> bool {
        let is_over = self
            .timebox
            .limit
            .is_some_and(|limit| self.since.elapsed() >= limit);
        is_over && !self.is_over.swap(true, SeqCst)
    }

    fn abort_handle(&self) -> std::sync::MutexGuard<'_, Option<AbortHandle>> {
        self.abort.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches a task's time box from now on, if it has one. Only for who has just spawned the task; it
/// may have ended by now.
pub(crate) fn watch(slot: &'static Slot, id: TaskId, abort: impl FnOnce() -> AbortHandle) {
    let Some(reading) = slot.read().filter(|reading| reading.id == id) else {
        return;
    };
    let Some(attached) = extras::get(slot).filter(|_| reading.still_alive()) else {
        return;
    };
    let Some(timed) = attached.timed() else {
        return;
    };
    let Some(limit) = timed.limit() else { return };
    if timed.timebox.action == TimeboxAction::Abort {
        let handle = abort();
        *timed.abort_handle() = Some(handle);
        if !reading.still_alive() {
            // It ended meanwhile, and nobody else takes the handle away.
            let late = timed.abort_handle().take();
            drop(late);
            return;
        }
    }
    // Past any deadline that an `Instant` can hold, the box is as good as none.
    if let Some(deadline) = timed.since.checked_add(limit) {
        alarm::set(deadline, alarm::Call::Timebox(reading));
    }
}

/// The deadline of a task's time box has come.
pub(super) fn is_due(task: &Reading) {
    // The task may end at any time: what is attached stays as it is.
    let Some(attached) = extras::get(task.slot).filter(|_| task.still_alive()) else {
        return;
    };
    let Some(timed) = attached.timed() else {
        return;
    };
    if timed.is_newly_over() {
        // `task` is as it was at its spawn. One that has left its slot meanwhile is told so.
        let latest = task.slot.read().filter(|latest| latest.id == task.id);
        tell(latest.as_ref().unwrap_or(task), &attached);
    }
    let abort = timed.abort_handle().take();
    if let Some(abort) = abort {
        abort.abort();
    }
}

/// The task ends: it may be over its time box although nobody noticed yet.
pub(super) fn end(task: &'static Slot, attached: &Arc<Attached>) {
    let Some(timed) = attached.timed() else {
        return;
    };
    let unused = timed.abort_handle().take();
    drop(unused);
    alarm::try_again();
    if timed.is_newly_over()
        && let Some(reading) = task.read()
    {
        tell(&reading, attached);
    }
}

fn tell(task: &Reading, attached: &Arc<Attached>) {
    ledger::count_over_time(task.origin, Some(attached));
    if events::wanted() {
        events::tell_over_time(*task, attached.clone());
    }
}
