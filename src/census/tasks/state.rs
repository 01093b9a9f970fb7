//! What a task's state word says.

use super::super::{SeenState, memory};
use std::future::poll_fn;
use std::sync::OnceLock;
use std::task::{Poll, Waker};
use tokio::sync::mpsc;

/// The parts of the state word, as a probe task revealed them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bits {
    /// One reference: the count is all from this bit up.
    reference: u64,
    running: u64,
    notified: u64,
    cancelled: u64,
    join_handle: u64,
}

/// What the word means; whether the task has ended, its cell tells.
pub(in crate::census) fn state_of(word: u64) -> SeenState {
    let Some(bits) = bits() else {
        return SeenState::Unknown;
    };
    let has = |bit| word & bit != 0;
    let own = 1 + u64::from(has(bits.join_handle));
    if has(bits.running) {
        SeenState::Running
    } else if has(bits.cancelled) {
        SeenState::Cancelled
    } else if has(bits.notified) {
        SeenState::Runnable
    } else if word / bits.reference <= own {
        SeenState::NoWaker
    } else {
        SeenState::Parked
    }
}

fn bits() -> Option<Bits> {
    static BITS: OnceLock<Option<Bits>> = OnceLock::new();
    *BITS.get_or_init(|| {
        // On a thread of its own: who asks may be inside a runtime.
        std::thread::Builder::new()
            .name("taskleak-probe".to_owned())
            .spawn(calibrate)
            .ok()?
            .join()
            .ok()?
    })
}

fn calibrate() -> Option<Bits> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    let first = runtime.block_on(probe());
    let second = runtime.block_on(probe());
    first.filter(|_| first == second)
}

/// Leads one task through its states and compares its word with what each step must do to it.
async fn probe() -> Option<Bits> {
    let word_of = |waker: &Waker| memory::read_word(waker.data().addr() as u64);
    let (send, mut polls) = mpsc::unbounded_channel();
    let task = tokio::spawn(poll_fn::<(), _>(move |cx| {
        let during = word_of(cx.waker());
        let _ = send.send((cx.waker().clone(), during));
        Poll::Pending
    }));
    let abort = task.abort_handle();
    let (waker, _) = polls.recv().await?;
    let parked = word_of(&waker)?;

    let clone = waker.clone();
    let reference = word_of(&waker)?.checked_sub(parked)?;
    drop(clone);
    // The runtime's list, the two handles, and the waker.
    if !reference.is_power_of_two() || parked / reference != 4 {
        return None;
    }
    let flags = |word: u64| word % reference;

    waker.wake_by_ref();
    let notified = flags(word_of(&waker)?) & !flags(parked);
    let (again, during) = polls.recv().await?;
    drop(again);
    let running = flags(during?) & !flags(parked);
    drop(task);
    let detached = word_of(&waker)?;
    let join_handle = flags(parked) & !flags(detached);
    abort.abort();
    let cancelled = flags(word_of(&waker)?) & !flags(detached) & !notified;
    let bits = [running, notified, cancelled, join_handle];
    let are_single = bits.iter().all(|bit| bit.is_power_of_two());
    let are_distinct = bits.iter().fold(0, |all, bit| all | bit).count_ones() == 4;
    // What was dropped must have been given back.
    let holds = detached / reference == 3;
    (are_single && are_distinct && holds).then_some(Bits {
        reference,
        running,
        notified,
        cancelled,
        join_handle,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_tokio_can_be_calibrated() {
        assert!(super::bits().is_some());
    }
}
