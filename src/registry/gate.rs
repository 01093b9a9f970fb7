//! How a scope counts its tasks, and how a guard waits for them without polling.

use super::sync::{AtomicU32, AtomicU64, Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// Counts the live tasks of a scope and wakes who waits for them to end.
pub(crate) struct Gate {
    /// Bits 0..31: live tasks that must end (*foreground*). Bits 31..62: all live tasks (*members*).
    /// Bit 62: somebody waits.
    word: AtomicU64,
    /// Waiters are woken by an end that leaves at most this many foreground tasks.
    threshold: AtomicU32,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// Threads that sleep.
    sleepers: u32,
    /// How often anybody was woken.
    epoch: u64,
}

/// What a waiter saw before it decided to wait: it sleeps only if nothing has happened since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) count: Count,
    epoch: u64,
}

/// In place of a threshold: whatever happens ends the wait.
pub(crate) const ANY_CHANGE: u32 = u32::MAX;

const FOREGROUND: u64 = 1;
const MEMBER: u64 = 1 << 31;
const COUNT: u64 = (1 << 31) - 1;
const WAITED: u64 = 1 << 62;

/// What a [`Gate`] counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Count {
    pub(crate) foreground: u32,
    pub(crate) members: u32,
}

impl Count {
    fn of(word: u64) -> Self {
        Self {
            foreground: (word & COUNT) as u32,
            members: ((word / MEMBER) & COUNT) as u32,
        }
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            threshold: AtomicU32::new(0),
            waiting: Mutex::new(Waiting::default()),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn count(&self) -> Count {
        // Pairs with `leave`: who sees a task gone also sees all that the task did.
        Count::of(self.word.load(SeqCst))
    }

    pub(crate) fn enter(&self, background: bool) {
        // Nobody can miss who is let in by a member; for others, `Life::admit` wants a total order.
        self.word.fetch_add(weight(background), SeqCst);
    }

    /// Counts a task's end; says what is left.
    pub(crate) fn leave(&self, background: bool) -> Count {
        let weight = weight(background);
        let before = self.word.fetch_sub(weight, SeqCst);
        let left = Count::of(before - weight);
        // The waiter wrote the threshold before it set WAITED (pairs with `announce`).
        if before & WAITED != 0 && left.foreground <= self.threshold.load(Relaxed) {
            self.notify();
        }
        left
    }

    /// Wakes all who wait, so that they look again.
    pub(crate) fn notify(&self) {
        // A waiter holds the lock from its look at the count until it sleeps, so it is either asleep
        // by now (and woken here) or has yet to look (and sees the new count and epoch).
        let mut waiting = self.lock();
        waiting.epoch += 1;
        let woken = std::mem::take(&mut waiting.wakers);
        // A condition variable without sleepers costs a system call to notify.
        if waiting.sleepers > 0 {
            self.changed.notify_all();
        }
        drop(waiting);
        // Foreign code: not under the lock.
        woken.into_iter().for_each(Waker::wake);
    }

    /// What there is to see now.
    pub(crate) fn look(&self) -> Seen {
        let waiting = self.lock();
        Seen {
            count: self.count(),
            epoch: waiting.epoch,
        }
    }

    /// Announces a waiter; says whether it has to sleep. To be called with the lock held.
    fn must_sleep(&self, waiting: &Waiting, seen: Seen, threshold: u32) -> bool {
        self.threshold.fetch_max(threshold, Relaxed);
        // Pairs with `leave`: an end after this one sees the flag and the threshold.
        let count = Count::of(self.word.fetch_or(WAITED, AcqRel));
        if threshold != ANY_CHANGE && count.foreground <= threshold {
            // Who waits for this and saw it already is not woken for it again.
            return false;
        }
        let unchanged = Seen {
            count,
            epoch: waiting.epoch,
        } == seen;
        unchanged || (count.foreground > threshold && waiting.epoch == seen.epoch)
    }

    /// Waits on this thread until something has happened since `seen`: at most `threshold`
    /// foreground tasks are left, or somebody called [`notify`](Self::notify). Or the deadline is
    /// over, or for no reason at all.
    pub(crate) fn wait(&self, seen: Seen, threshold: u32, deadline: Instant) {
        let mut waiting = self.lock();
        if self.must_sleep(&waiting, seen, threshold) {
            let left = deadline.saturating_duration_since(Instant::now());
            waiting.sleepers += 1;
            let slept = self.changed.wait_timeout(waiting, left);
            slept.unwrap_or_else(PoisonError::into_inner).0.sleepers -= 1;
        }
    }

    /// The same for a task: ready once something has happened since `seen`.
    pub(crate) fn poll_wait(&self, seen: Seen, threshold: u32, cx: &mut Context<'_>) -> Poll<()> {
        // Foreign code, as its drop is: not under the lock.
        let waker = cx.waker().clone();
        let mut waiting = self.lock();
        if !self.must_sleep(&waiting, seen, threshold) {
            return Poll::Ready(());
        }
        if !waiting
            .wakers
            .iter()
            .any(|waiter| waiter.will_wake(cx.waker()))
        {
            waiting.wakers.push(waker);
        }
        Poll::Pending
    }

    /// Forgets who waited; for the gate's next life.
    pub(crate) fn reset(&self) {
        let wakers = std::mem::take(&mut self.lock().wakers);
        self.threshold.store(0, Relaxed);
        self.word.fetch_and(!WAITED, Relaxed);
        drop(wakers);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(background: bool) -> u64 {
    if background {
        MEMBER
    } else {
        MEMBER + FOREGROUND
    }
}
