//! Waiting for a deadline on the real clock, by a thread that sleeps.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// For runtimes that may have no timer. The thread is started when the timer is first waited for, serves it however
/// often it begins anew, and ends with it.
pub(crate) struct ThreadTimer {
    deadline: Instant,
    sleeper: Option<Arc<Sleeper>>,
}

/// What a timer and its thread share.
struct Sleeper {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// None once it was over, until the timer begins anew.
    deadline: Option<Instant>,
    waker: Option<Waker>,
    /// No thread could be started.
    is_alone: bool,
    /// Nobody waits any more.
    is_dropped: bool,
}

/// What cannot be reckoned is as good as never.
const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

impl ThreadTimer {
    pub(crate) fn new(after: Duration) -> Self {
        Self {
            deadline: deadline(after),
            sleeper: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Begins anew, with the thread that there is.
    pub(crate) fn restart(&mut self, after: Duration) {
        self.deadline = deadline(after);
        if let Some(sleeper) = &self.sleeper {
            sleeper.lock().deadline = Some(self.deadline);
            sleeper.changed.notify_one();
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let sleeper = self.sleeper.get_or_insert_with(|| sleep_until(deadline));
        // A waker is foreign code: nothing is asked of it under the lock.
        let waker = cx.waker().clone();
        let mut state = sleeper.lock();
        if state.is_alone {
            return Poll::Ready(());
        }
        let before = state.waker.replace(waker);
        if state.deadline.is_none() {
            // The thread was a little early, which it says by a wake that has been taken.
            state.deadline = Some(deadline);
            sleeper.changed.notify_one();
        }
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        if let Some(sleeper) = &self.sleeper {
            let mut state = sleeper.lock();
            state.is_dropped = true;
            let waker = state.waker.take();
            drop(state);
            drop(waker);
            sleeper.changed.notify_one();
        }
    }
}

impl Sleeper {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's work.
    fn sleep(&self) {
        let mut state = self.lock();
        while !state.is_dropped {
            let Some(deadline) = state.deadline else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.deadline = None;
                let waker = state.waker.take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                state = self.lock();
            } else {
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn deadline(after: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(after).unwrap_or_else(|| now + NEVER)
}

fn sleep_until(deadline: Instant) -> Arc<Sleeper> {
    let sleeper = Arc::new(Sleeper {
        state: Mutex::new(State {
            deadline: Some(deadline),
            waker: None,
            is_alone: false,
            is_dropped: false,
        }),
        changed: Condvar::new(),
    });
    let shared = sleeper.clone();
    let started = std::thread::Builder::new()
        .name("taskleak-timer".to_owned())
        .spawn(move || shared.sleep());
    if started.is_err() {
        crate::note::say("no thread could be started to time the grace, so there is none");
        sleeper.lock().is_alone = true;
    }
    sleeper
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn one_thread_times_all_rounds() {
        const SHORT: Duration = Duration::from_millis(20);
        let mut timer = ThreadTimer::new(SHORT);
        let mut threads = Vec::new();
        for _ in 0..4 {
            timer.restart(SHORT);
            poll_fn(|cx| timer.poll(cx)).await;
            assert!(timer.is_over());
            threads.extend(timer.sleeper.as_ref().map(Arc::as_ptr));
        }
        threads.dedup();
        assert_eq!(threads.len(), 1);
    }

    /// A round that is cut short by the next one does not make that one late, or early.
    #[tokio::test]
    async fn a_round_may_be_shorter_than_the_one_before() {
        let mut timer = ThreadTimer::new(Duration::from_secs(3600));
        let polled = poll_fn(|cx| Poll::Ready(timer.poll(cx))).await;
        assert!(polled.is_pending());
        timer.restart(Duration::from_millis(1));
        poll_fn(|cx| timer.poll(cx)).await;
        assert!(timer.is_over());
    }

    #[tokio::test]
    async fn the_thread_ends_with_its_timer() {
        let mut timer = ThreadTimer::new(Duration::from_secs(3600));
        let polled = poll_fn(|cx| Poll::Ready(timer.poll(cx))).await;
        assert!(polled.is_pending());
        let sleeper = Arc::downgrade(timer.sleeper.as_ref().unwrap());
        drop(timer);
        while sleeper.strong_count() > 0 {
            std::thread::yield_now();
        }
    }
}
