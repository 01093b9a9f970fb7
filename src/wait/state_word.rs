//! Reading a task's scheduling state out of tokio's task header.
//!
//! A guard that is dropped inside a current-thread runtime has to tell a task that was aborted (it
//! will end at the runtime's next turn) from one that is stuck, and any guard would know whether a
//! task can still be woken. tokio has no public way to ask. The first word of a task's header holds
//! its flags and its reference count, and a handle to the task is one pointer to that header. Both
//! are private, so nothing is taken for granted: a probe task is led through its states
//! ([`probe`](super::probe)), and only if the word changes exactly as it must is any of what those
//! changes revealed ever used. Otherwise every question is answered "unknown".
//!
//! This file is one of the few with unsafe code: it reads the pointer out of a handle, makes a handle
//! of such a pointer, and reads the word behind the pointer.
#![allow(unsafe_code)]

use super::probe::{Flags, counts_hold, flags};
use crate::registry::slot::Reading;
use crate::registry::{TaskId, TaskKind, TrackedRuntime, pin};
use std::collections::HashSet;
use std::mem::{ManuallyDrop, transmute_copy};
use std::ptr::NonNull;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Acquire;
use tokio::task::{AbortHandle, JoinHandle};

/// Where a task's header is. Knows nothing of the task's life: see [`Header::is_cancelled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(*const AtomicUsize);

// SAFETY: only a pointer; what it points at is an atomic, and reading that is unsafe on its own.
unsafe impl Send for Header {}

impl Header {
    /// The header of a task; none if this tokio's handles or headers are not as the probe needs.
    pub(crate) fn of(task: &AbortHandle) -> Option<Self> {
        flags()?;
        Self::pointer_in(task)
    }

    /// The same of the handle that a spawn returns, without counting one more.
    pub(crate) fn of_joined<T>(task: &JoinHandle<T>) -> Option<Self> {
        flags()?;
        Self::pointer_in_joined(task)
    }

    /// The pointer that an abort handle is, if it is the size of one.
    pub(super) fn pointer_in(task: &AbortHandle) -> Option<Self> {
        if size_of::<AbortHandle>() != size_of::<usize>() {
            return None;
        }
        // SAFETY: the handle is one pointer long (just checked), has drop glue and so is not
        // uninitialised; any initialised word of that length may be read as a pointer.
        Self::at(unsafe { transmute_copy::<AbortHandle, *const AtomicUsize>(task) })
    }

    /// The pointer that a join handle is, if it is the size of one: the probe saw it to be the abort
    /// handle's.
    pub(super) fn pointer_in_joined<T>(task: &JoinHandle<T>) -> Option<Self> {
        if size_of::<JoinHandle<T>>() != size_of::<usize>() {
            return None;
        }
        // SAFETY: as in `pointer_in`.
        Self::at(unsafe { transmute_copy::<JoinHandle<T>, *const AtomicUsize>(task) })
    }

    fn at(header: *const AtomicUsize) -> Option<Self> {
        (!header.is_null() && header.is_aligned()).then_some(Self(header))
    }

    pub(super) fn addr(self) -> usize {
        self.0.addr()
    }

    /// Whether the task is queued to be polled (or was never polled yet).
    ///
    /// # Safety
    /// The task's future has not been dropped yet, and is not dropped before this returns.
    pub(crate) unsafe fn is_notified(self) -> bool {
        // SAFETY: the caller's promise is passed on.
        flags().is_some_and(|flags| unsafe { self.word() } & flags.notified != 0)
    }

    /// Whether the task was aborted: it is never polled again.
    ///
    /// # Safety
    /// The task's future has not been dropped yet, and is not dropped before this returns.
    pub(crate) unsafe fn is_cancelled(self) -> bool {
        // SAFETY: the caller's promise is passed on.
        flags().is_some_and(|flags| unsafe { self.word() } & flags.cancelled != 0)
    }

    /// # Safety
    /// The task's future has not been dropped yet, or the caller holds a reference to the task.
    pub(super) unsafe fn word(self) -> usize {
        // SAFETY: a task's future lies in the same allocation as its header, so the header is there
        // as long as the future, or any reference (the caller's promise). Calibration showed that
        // the header begins with the word that tokio itself changes, atomically, on wake, clone and
        // abort.
        unsafe { (*self.0).load(Acquire) }
    }
}

/// What the state words of these tasks say, in their order; none of one that has ended, or whose word cannot be relied
/// upon.
pub(crate) fn schedules(tasks: &[Reading]) -> Vec<Option<Schedule>> {
    let Some(flags) = flags() else {
        return vec![None; tasks.len()];
    };
    let mut words = Vec::with_capacity(tasks.len());
    pin::with_headers(tasks, |task, header| {
        let header = Header(header.as_ptr().cast_const().cast());
        // SAFETY: the task's future is not dropped before this closure returns (`with_headers`' promise).
        words.push((task.id, unsafe { header.word() }));
    });
    // Not in there: this may start a runtime.
    let mut words = words.into_iter().peekable();
    let schedule = |task: &Reading| {
        let (_, word) = words.next_if(|(id, _)| *id == task.id)?;
        counts_hold(RuntimeKind::of(task)?).then(|| Schedule::of(word, flags))
    };
    tasks.iter().map(schedule).collect()
}

/// Aborts those of the tasks that are alive and whose headers are known, as by their `JoinHandle`s; says which.
pub(crate) fn abort(tasks: &[Reading]) -> HashSet<TaskId> {
    if flags().is_none() {
        return HashSet::new();
    }
    let mut handles = Vec::with_capacity(tasks.len());
    pin::with_headers(tasks, |task, header| {
        // SAFETY: calibration showed an abort handle to be the same pointer as its task's waker
        // points at, which is what was noted; the task lives until this closure returns
        // (`with_headers`' promise), and so does its header. The handle is lent, so its count
        // stays as it is; its clone is counted.
        let lent =
            unsafe { ManuallyDrop::new(transmute_copy::<NonNull<()>, AbortHandle>(&header)) };
        handles.push((task.id, AbortHandle::clone(&lent)));
    });
    // Not in there: this may end tasks.
    let abort = |(task, handle): (TaskId, AbortHandle)| {
        handle.abort();
        task
    };
    handles.into_iter().map(abort).collect()
}

/// Leads the probe through its states, if nobody has yet, for a runtime of that kind.
pub(crate) fn calibrate(is_current_thread: bool) {
    counts_hold(if is_current_thread {
        RuntimeKind::CurrentThread
    } else {
        RuntimeKind::MultiThread
    });
}

/// What a state word that was read by other means says; none if it cannot be relied upon.
#[allow(dead_code, reason = "the census's, where there is one")]
pub(crate) fn schedule_of(word: usize, kind: RuntimeKind) -> Option<Schedule> {
    let flags = flags().filter(|_| counts_hold(kind))?;
    Some(Schedule::of(word, flags))
}

/// The kinds of lists in which runtimes keep their tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RuntimeKind {
    CurrentThread,
    MultiThread,
    Local,
}

impl RuntimeKind {
    /// Of the list that a task is in; none if its runtime is not known.
    pub(crate) fn of(task: &Reading) -> Option<Self> {
        if task.kind() == TaskKind::Local {
            return Some(Self::Local);
        }
        let runtime = TrackedRuntime::by_index(task.runtime)?;
        Some(if runtime.is_current_thread() {
            Self::CurrentThread
        } else {
            Self::MultiThread
        })
    }
}

/// What a task's state word says at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    /// Being polled (or dropped) right now.
    pub(crate) running: bool,
    /// Queued to be polled.
    pub(crate) notified: bool,
    /// Aborted.
    pub(crate) cancelled: bool,
    /// Its output is there, or was taken.
    pub(crate) complete: bool,
    /// Its `JoinHandle` is still there.
    pub(crate) join_handle: bool,
    /// Who can still reach the parked task: its wakers and abort handles. All references but the
    /// runtime's own and the `JoinHandle`.
    pub(crate) holders: usize,
}

impl Schedule {
    pub(super) fn of(word: usize, flags: Flags) -> Self {
        let has = |flag| word & flag != 0;
        let join_handle = has(flags.join_handle);
        let own = 1 + usize::from(join_handle);
        Self {
            running: has(flags.running),
            notified: has(flags.notified),
            cancelled: has(flags.cancelled),
            complete: has(flags.complete),
            join_handle,
            holders: (word / flags.reference).saturating_sub(own),
        }
    }

    /// Whether it waits to be woken: nothing runs it or is about to.
    pub(crate) fn is_parked(self) -> bool {
        !(self.running || self.notified || self.cancelled || self.complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tokio_can_be_calibrated() {
        flags().expect("the state word of this tokio is not as expected");
        for kind in [
            RuntimeKind::CurrentThread,
            RuntimeKind::MultiThread,
            RuntimeKind::Local,
        ] {
            assert!(counts_hold(kind), "{kind:?}");
        }
    }

    #[tokio::test]
    async fn tells_aborted_runnable_and_parked_tasks_apart() {
        let parked = tokio::spawn(std::future::pending::<()>());
        let header = Header::of(&parked.abort_handle()).unwrap();
        // SAFETY: on this runtime a future is dropped only while this test awaits.
        let state = || unsafe { (header.is_notified(), header.is_cancelled()) };
        assert_eq!(state(), (true, false), "never polled");
        tokio::task::yield_now().await;
        assert_eq!(state(), (false, false), "parked");
        parked.abort();
        assert_eq!(state(), (true, true), "aborted");
    }
}
