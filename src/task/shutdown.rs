//! Telling a task that its runtime's shutdown killed from one that was aborted.
//!
//! Both end by having their future dropped unfinished, and a `JoinHandle` is tokio's own, so the
//! abort itself is not seen. But whether the runtime is being shut down can be known:
//! [`runtime_end`].
//!
//! A task that is queued when the shutdown comes was aborted and had no turn to end in, or was woken
//! and about to go on: that is nobody's leak, so only tasks that were parked count as killed. That
//! is looked at only for scopes that want to know.

use super::runtime_end::{self, Offered, Probe};
use crate::config;
use crate::registry::slot::flag;
use crate::registry::{Entry, Scope, Slot, TaskId, TaskInfo, TaskKind, is_judged};
use crate::wait::Header;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// Notes whether the task ends because its runtime is shut down. To be called before the task's
/// future is dropped.
#[inline(always)]
pub(super) fn note_end(entry: &Entry) {
    const RETURNED: u32 = flag::COMPLETED | flag::PANICKED;
    let slot = entry.slot();
    let flags = slot.flags();
    if flags & RETURNED == 0 || flags & flag::SCOPED != 0 {
        note_end_of(slot);
    }
}

#[inline(never)]
fn note_end_of(slot: &'static Slot) {
    record_if_killed(slot);
    if slot.flags() & (flag::COMPLETED | flag::PANICKED) == 0 {
        note_unfinished(slot);
    }
}

/// A guard may be about to judge what else is alive on the runtime, so a runtime that has to be asked is
/// only while none is open.
#[cold]
fn note_unfinished(slot: &'static Slot) {
    let is_on_runtime = matches!(
        TaskKind::from_flags(slot.flags()),
        TaskKind::Task | TaskKind::Future
    );
    // A runtime that refuses a task need not be the one that the thread is in.
    if is_on_runtime && (Offered::is(slot) || runtime_end::is_here(!is_judged())) {
        slot.set_flags(flag::SHUT_DOWN, 0);
    }
}

/// Remembers the task for its scope, if it ends because its runtime is shut down.
fn record_if_killed(slot: &'static Slot) {
    if let Some(scope) = slot.scope_entry()
        && scope.keeps_killed()
    {
        record_if_killed_in(scope, slot);
    }
}

fn record_if_killed_in(scope: &'static Scope, slot: &'static Slot) {
    const ENDED: u32 = flag::COMPLETED | flag::PANICKED | flag::BACKGROUND;
    let was_queued = was_queued(slot.id());
    if was_queued || slot.flags() & ENDED != 0 {
        return;
    }
    // As a guard, the check at exit has nothing to say of a test that panics, be it as it should.
    if scope.is_for_strays() && std::thread::panicking() && !config::get().run_on_failure {
        return;
    }
    let Some(reading) = slot.read() else { return };
    let killed = match reading.kind() {
        TaskKind::Task | TaskKind::Future => runtime_end::is_here(true),
        TaskKind::Local => local_set_is_shutting_down(),
        // A hooked task's future is none of ours, and its end is told by a hook.
        TaskKind::Blocking | TaskKind::Hooked => false,
    };
    if killed && let Some(task) = TaskInfo::of(&reading) {
        scope.add_killed(task.killed());
    }
}

/// The headers of tasks whose scope wants to know whether they were killed.
static HEADERS: Mutex<Option<HashMap<TaskId, Header>>> = Mutex::new(None);

fn headers() -> MutexGuard<'static, Option<HashMap<TaskId, Header>>> {
    HEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A task about to be spawned whose scope will want to know how it ended; or none.
pub(super) struct Noted(Option<(&'static Slot, TaskId)>);

impl Noted {
    #[inline]
    pub(super) fn of(entry: &Entry) -> Self {
        let wanted = entry.scope().is_some_and(Scope::keeps_killed);
        Self(wanted.then(|| (entry.slot(), entry.slot().id())))
    }

    /// Notes where the task's header is.
    #[inline]
    pub(super) fn note(self, task: impl FnOnce() -> AbortHandle) {
        if let Some((slot, id)) = self.0 {
            note_header(slot, id, &task());
        }
    }
}

/// Notes a task's header. The task may have ended by now: then nothing stays noted.
fn note_header(slot: &'static Slot, id: TaskId, task: &AbortHandle) {
    let Some(header) = Header::of(task) else {
        return;
    };
    headers().get_or_insert_default().insert(id, header);
    // If the task ended before the insertion, nobody else removes it.
    if slot.read().is_none_or(|reading| reading.id != id) {
        headers().as_mut().and_then(|table| table.remove(&id));
    }
}

/// Whether the runtime had the task queued when it dropped the task's future. To be asked while the
/// future is being dropped.
#[allow(unsafe_code)]
fn was_queued(id: TaskId) -> bool {
    let header = headers().as_mut().and_then(|table| table.remove(&id));
    // SAFETY: the caller is the drop of the task's own future, so the task's allocation is there.
    header.is_some_and(|header| unsafe { header.is_notified() })
}

fn local_set_is_shutting_down() -> bool {
    // Outside of any LocalSet tokio panics: then the thread itself is ending.
    let spawn = |probe| drop(tokio::task::spawn_local(probe));
    catch_unwind(AssertUnwindSafe(|| Probe::is_refused_by(spawn))).unwrap_or(true)
}
