//! Reading a task's scheduling state out of tokio's task header.
//!
//! A guard that is dropped inside a current-thread runtime has to tell a task that was aborted (it
//! will end at the runtime's next turn) from one that is stuck, and tokio has no public way to ask.
//! The first word of a task's header holds its flags and its reference count, and a handle to the
//! task is one pointer to that header. Both are private, so nothing is taken for granted: a probe
//! task is woken, cloned and aborted, and only if the word changes exactly as it must are the flags
//! that those changes revealed ever used. Otherwise every question is answered "unknown".
//!
//! This file is one of the few with unsafe code: it reads the pointer out of a handle, and the word
//! behind the pointer.
#![allow(unsafe_code)]

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Acquire;
use std::task::{Poll, Waker};
use tokio::task::AbortHandle;

/// The flags of the state word, as the probe revealed them.
#[derive(Clone, Copy, Debug)]
struct Flags {
    notified: usize,
    cancelled: usize,
}

/// Where a task's header is. Knows nothing of the task's life: see [`Header::is_cancelled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(*const AtomicUsize);

// SAFETY: only a pointer; what it points at is an atomic, and reading that is unsafe on its own.
unsafe impl Send for Header {}

impl Header {
    /// The header of a task; none if this tokio's handles or headers are not as the probe needs.
    pub(crate) fn of(task: &AbortHandle) -> Option<Self> {
        flags()?;
        pointer_in(task).map(Self)
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
    /// As of the two above.
    unsafe fn word(self) -> usize {
        // SAFETY: a task's future lies in the same allocation as its header, so the header is there
        // as long as the future (the caller's promise). Calibration showed that the header begins
        // with the word that tokio itself changes, atomically, on wake, clone and abort.
        unsafe { (*self.0).load(Acquire) }
    }
}

/// The pointer that an abort handle is, if it is the size of one.
fn pointer_in(task: &AbortHandle) -> Option<*const AtomicUsize> {
    if size_of::<AbortHandle>() != size_of::<usize>() {
        return None;
    }
    // SAFETY: the handle is one pointer long (just checked), has drop glue and so is not
    // uninitialised; any initialised word of that length may be read as a pointer.
    let header = unsafe { std::mem::transmute_copy::<AbortHandle, *const AtomicUsize>(task) };
    (!header.is_null() && header.is_aligned()).then_some(header)
}

fn flags() -> Option<Flags> {
    static FLAGS: OnceLock<Option<Flags>> = OnceLock::new();
    *FLAGS.get_or_init(|| {
        // On a thread of its own: the caller may be inside a runtime.
        std::thread::Builder::new()
            .name("taskleak-probe".to_owned())
            .spawn(calibrate)
            .ok()?
            .join()
            .ok()?
    })
}

fn calibrate() -> Option<Flags> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let (mut first, mut second) = (None, None);
    runtime.block_on(async {
        first = probe().await;
        second = probe().await;
    });
    let (first, second) = (first?, second?);
    (first.notified == second.notified && first.cancelled == second.cancelled).then_some(first)
}

/// Leads one task through its states and compares its word with what each step must do to it.
async fn probe() -> Option<Flags> {
    let (send, mut wakers) = tokio::sync::mpsc::unbounded_channel::<Waker>();
    let task = tokio::spawn(poll_fn::<(), _>(move |cx| {
        let _ = send.send(cx.waker().clone());
        Poll::Pending
    }));
    let handle = task.abort_handle();
    let header = Header(pointer_in(&handle)?);
    // The waker's data pointer is the header's, by tokio's own vtable; if the handle's is the same,
    // both point at a task header.
    let waker = wakers.recv().await?;
    if waker.data().addr() != header.0.addr() {
        return None;
    }
    // SAFETY: the probe's future is dropped when the runtime comes to it after the abort below, and
    // nothing is awaited between that abort and the last read.
    let word = || unsafe { header.word() };

    let parked = word();
    let clone = waker.clone();
    let reference = word().checked_sub(parked)?;
    drop(clone);
    if !reference.is_power_of_two() || word() != parked {
        return None;
    }

    waker.wake_by_ref();
    let notified = word().checked_sub(parked)?;
    // A queued task is referred to by the queue.
    let notified = notified.checked_sub(reference).unwrap_or(notified);
    if !is_flag(notified, reference) || parked & notified != 0 {
        return None;
    }
    // Its next poll takes the flag back.
    drop(wakers.recv().await?);
    if word() != parked {
        return None;
    }

    task.abort();
    let cancelled = (word() % reference) & !(parked % reference) & !notified;
    if !is_flag(cancelled, reference) || word() & notified == 0 {
        return None;
    }
    let ended = task.await;
    ended
        .is_err_and(|error| error.is_cancelled())
        .then_some(Flags {
            notified,
            cancelled,
        })
}

fn is_flag(bits: usize, reference: usize) -> bool {
    bits.is_power_of_two() && bits < reference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tokio_can_be_calibrated() {
        let flags = flags().expect("the state word of this tokio is not as expected");
        assert_ne!(flags.notified, flags.cancelled);
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
