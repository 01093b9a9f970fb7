//! Learning what the bits of a task's state word mean from tasks that are led through all states.
#![allow(unsafe_code)]

use super::learned::{Failed, Learned};
use super::state_word::{Header, RuntimeKind, Schedule};
use std::future::{pending, poll_fn};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, LocalSet, yield_now};

/// The parts of the state word, as the probe revealed them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Flags {
    /// One reference: the count is all from this bit up.
    pub(super) reference: usize,
    pub(super) running: usize,
    pub(super) notified: usize,
    pub(super) cancelled: usize,
    pub(super) complete: usize,
    pub(super) join_handle: usize,
}

/// What was learned; none if this tokio's tasks are not as they must be, or if it cannot be told now.
pub(super) fn flags() -> Option<Flags> {
    static FLAGS: Learned<Option<Flags>> = Learned::new();
    FLAGS.get(|| on_a_thread_of_its_own(calibrate)).flatten()
}

/// Whether a runtime of that kind refers to a parked task once, beside the task's handles and wakers.
pub(super) fn counts_hold(kind: RuntimeKind) -> bool {
    static CURRENT_THREAD: Learned<bool> = Learned::new();
    static MULTI_THREAD: Learned<bool> = Learned::new();
    static LOCAL: Learned<bool> = Learned::new();
    let known = match kind {
        RuntimeKind::CurrentThread => &CURRENT_THREAD,
        RuntimeKind::MultiThread => &MULTI_THREAD,
        RuntimeKind::Local => &LOCAL,
    };
    let Some(flags) = flags() else { return false };
    let holds = known.get(|| {
        on_a_thread_of_its_own(move || {
            let runtime = runtime(kind)?;
            let task = async {
                let task = match kind {
                    RuntimeKind::Local => tokio::task::spawn_local(pending::<()>()),
                    _ => tokio::spawn(pending::<()>()),
                };
                // Held until it was looked at.
                let handle = task.abort_handle();
                let holds = is_held_as_it_must(&handle, flags).await;
                drop(task);
                holds
            };
            if kind == RuntimeKind::Local {
                LocalSet::new().block_on(&runtime, task)
            } else {
                runtime.block_on(task)
            }
        })
    });
    holds.unwrap_or(false)
}

fn runtime(kind: RuntimeKind) -> Result<Runtime, Failed> {
    let mut builder = match kind {
        RuntimeKind::MultiThread => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder
        .worker_threads(1)
        .thread_name("taskleak-probe")
        .build()
        .map_err(|_| Failed)
}

/// Whether a parked task whose `JoinHandle` is alive counts this handle as its one holder.
async fn is_held_as_it_must(handle: &AbortHandle, flags: Flags) -> Result<bool, Failed> {
    const LONG_ENOUGH: Duration = Duration::from_secs(1);
    let Some(header) = Header::pointer_in(handle) else {
        return Ok(false);
    };
    let deadline = Instant::now() + LONG_ENOUGH;
    loop {
        // SAFETY: `handle` is a reference to the task.
        let schedule = Schedule::of(unsafe { header.word() }, flags);
        if schedule.is_parked() {
            return Ok(schedule.join_handle && schedule.holders == 1);
        }
        if Instant::now() >= deadline {
            return Err(Failed);
        }
        yield_now().await;
    }
}

/// Who asks may be inside a runtime.
fn on_a_thread_of_its_own<T: Send + 'static>(
    probe: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    std::thread::Builder::new()
        .name("taskleak-probe".to_owned())
        .spawn(probe)
        .map_err(|_| Failed)?
        .join()
        .unwrap_or(Err(Failed))
}

fn calibrate() -> Result<Option<Flags>, Failed> {
    let runtime = runtime(RuntimeKind::CurrentThread)?;
    let (mut first, mut second) = (None, None);
    runtime.block_on(async {
        first = probe().await;
        second = probe().await;
    });
    Ok(first.filter(|_| first == second))
}

/// What the probe's task tells of each of its polls.
struct Polled {
    waker: Waker,
    /// The state word in the middle of the poll.
    word: Option<usize>,
}

/// Leads one task through its states and compares its word with what each step must do to it.
async fn probe() -> Option<Flags> {
    let (send, mut polls) = mpsc::unbounded_channel();
    let (tell, told) = std::sync::mpsc::channel::<Header>();
    let mut own = None;
    let task = tokio::spawn(poll_fn::<(), _>(move |cx| {
        own = own.or_else(|| told.try_recv().ok());
        // SAFETY: the task is being polled, so its future has not been dropped.
        let word = own.map(|header| unsafe { header.word() });
        let waker = cx.waker().clone();
        let _ = send.send(Polled { waker, word });
        Poll::Pending
    }));
    let handle = task.abort_handle();
    let header = Header::pointer_in(&handle)?;
    if Header::pointer_in_joined(&task) != Some(header) {
        return None;
    }
    // The waker's data pointer is the header's, by tokio's own vtable; if the handle's is the same,
    // both point at a task header.
    let waker = polls.recv().await?.waker;
    if waker.data().addr() != header.addr() {
        return None;
    }
    tell.send(header).ok()?;
    // SAFETY: `handle`, dropped after the last read, is a reference to the task.
    let word = || unsafe { header.word() };

    let parked = word();
    let clone = waker.clone();
    let reference = word().checked_sub(parked)?;
    drop(clone);
    if !reference.is_power_of_two() || word() != parked {
        return None;
    }
    // The runtime's list, the `JoinHandle`, `handle` and `waker`.
    if parked / reference != 4 {
        return None;
    }
    let is_flag = |bits: usize| bits.is_power_of_two() && bits < reference;

    waker.wake_by_ref();
    let notified = word().checked_sub(parked)?;
    // A queued task is referred to by the queue.
    let notified = notified.checked_sub(reference).unwrap_or(notified);
    if !is_flag(notified) || parked & notified != 0 {
        return None;
    }
    // Its next poll takes the flag back, and sets one of its own meanwhile.
    let running = polls.recv().await?.word?.checked_sub(parked)?;
    let running = running.checked_sub(reference).unwrap_or(running);
    if !is_flag(running) || parked & running != 0 || running == notified || word() != parked {
        return None;
    }

    drop(task);
    let join_handle = parked.checked_sub(reference)?.checked_sub(word())?;
    if !is_flag(join_handle) || parked & join_handle == 0 {
        return None;
    }
    let detached = word();

    handle.abort();
    let cancelled = (word() % reference) & !(detached % reference) & !notified;
    if !is_flag(cancelled) || word() & notified == 0 || handle.is_finished() {
        return None;
    }
    for _ in 0..100 {
        if handle.is_finished() {
            break;
        }
        yield_now().await;
    }
    let complete = (word() % reference) & !(cancelled | notified | running);
    let all = [running, notified, cancelled, complete, join_handle];
    let are_distinct = all.iter().sum::<usize>().count_ones() == 5;
    (handle.is_finished() && is_flag(complete) && are_distinct).then_some(Flags {
        reference,
        running,
        notified,
        cancelled,
        complete,
        join_handle,
    })
}
