//! Waiting for a deadline from inside a task, on whatever clock the runtime runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A deadline that can be awaited.
pub(crate) enum Timer {
    /// On the runtime's own clock.
    Runtime(Pin<Box<tokio::time::Sleep>>),
    /// On the runtime's clock, which is paused: the time is virtual. It stands still while a task is
    /// due or a blocking closure runs; if they never end, real time has to tell.
    Paused {
        sleep: Pin<Box<tokio::time::Sleep>>,
        stuck: ThreadTimer,
    },
    /// On the real clock.
    Thread(ThreadTimer),
}

/// On the real clock, by a thread that sleeps: for runtimes that may have no timer.
pub(crate) struct ThreadTimer {
    deadline: Instant,
    sleeper: Option<Arc<Mutex<Sleeper>>>,
}

/// How long a paused clock may stand still, if the grace is not longer. Much more than a scheduler
/// makes a runnable process wait, since the verdict must not depend on the machine's load.
const STANDSTILL: Duration = Duration::from_secs(1);

pub(crate) struct Sleeper {
    deadline: Instant,
    waker: Option<Waker>,
    is_over: bool,
    /// No thread could be started.
    is_alone: bool,
}

impl Timer {
    /// On a runtime whose timer is known to be enabled.
    pub(crate) fn on_runtime(after: Duration) -> Self {
        let sleep = Box::pin(tokio::time::sleep(after));
        if clock_is_paused() {
            let stuck = ThreadTimer::new(after.max(STANDSTILL));
            Self::Paused { sleep, stuck }
        } else {
            Self::Runtime(sleep)
        }
    }

    /// On any runtime.
    pub(crate) fn anywhere(after: Duration) -> Self {
        if clock_is_paused() {
            // Only a runtime with a timer can have a paused clock.
            return Self::on_runtime(after);
        }
        Self::Thread(ThreadTimer::new(after))
    }

    /// A shorter wait of the same kind.
    pub(crate) fn nap(&self, after: Duration) -> Self {
        match self {
            Self::Runtime(_) | Self::Paused { .. } => Self::on_runtime(after),
            Self::Thread(_) => Self::Thread(ThreadTimer::new(after)),
        }
    }

    /// Lets the runtime go on for so long; by a turn where time is virtual, so that it stands still.
    pub(crate) async fn pass(&self, time: Duration) {
        match self {
            Self::Paused { .. } => tokio::task::yield_now().await,
            Self::Runtime(_) | Self::Thread(_) => self.nap(time).await,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        let sleep_is_over =
            |sleep: &tokio::time::Sleep| tokio::time::Instant::now() >= sleep.deadline();
        match self {
            Self::Runtime(sleep) => sleep_is_over(sleep),
            Self::Paused { sleep, stuck } => sleep_is_over(sleep) || stuck.is_over(),
            Self::Thread(timer) => timer.is_over(),
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self {
            Self::Runtime(sleep) => sleep.as_mut().poll(cx),
            Self::Paused { sleep, stuck } => {
                if sleep.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                stuck.poll(cx)
            }
            Self::Thread(timer) => timer.poll(cx),
        }
    }
}

impl ThreadTimer {
    pub(crate) fn new(after: Duration) -> Self {
        Self {
            deadline: Instant::now() + after,
            sleeper: None,
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Begins anew, with the thread that there is.
    pub(crate) fn restart(&mut self, after: Duration) {
        self.deadline = Instant::now() + after;
        if let Some(sleeper) = &self.sleeper {
            let mut sleeper = sleeper.lock().unwrap_or_else(PoisonError::into_inner);
            sleeper.deadline = self.deadline;
            sleeper.is_over &= sleeper.is_alone;
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_over() {
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let sleeper = self.sleeper.get_or_insert_with(|| sleep_until(deadline));
        let mut sleeper = sleeper.lock().unwrap_or_else(PoisonError::into_inner);
        if sleeper.is_over {
            return Poll::Ready(());
        }
        match &mut sleeper.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

fn sleep_until(deadline: Instant) -> Arc<Mutex<Sleeper>> {
    let sleeper = Arc::new(Mutex::new(Sleeper {
        deadline,
        waker: None,
        is_over: false,
        is_alone: false,
    }));
    let shared = Arc::downgrade(&sleeper);
    let sleep = move || {
        // In slices, so that the thread does not outlive its timer for long.
        const SLICE: Duration = Duration::from_millis(50);
        while let Some(sleeper) = shared.upgrade() {
            let left = sleeper
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .left_or_over();
            drop(sleeper);
            match left {
                Ok(left) => std::thread::sleep(left.min(SLICE)),
                Err(waker) => {
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                    // It may begin anew.
                    std::thread::sleep(SLICE);
                }
            }
        }
    };
    let spawned = std::thread::Builder::new()
        .name("taskleak-timer".to_owned())
        .spawn(sleep);
    if spawned.is_err() {
        crate::report::note("no thread could be started to time the grace, so there is none");
        let mut sleeper = sleeper.lock().unwrap_or_else(PoisonError::into_inner);
        (sleeper.is_over, sleeper.is_alone) = (true, true);
    }
    sleeper
}

impl Sleeper {
    /// How long it is until the deadline, or who is to be woken, now that it has come.
    fn left_or_over(&mut self) -> Result<Duration, Option<Waker>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.is_over = true;
            return Err(self.waker.take());
        }
        Ok(left)
    }
}

/// Whether this runtime's clock stands still (`tokio::time::pause`): then two looks at it are equal
/// although real time has passed.
pub(super) fn clock_is_paused() -> bool {
    let (first, real) = (tokio::time::Instant::now(), Instant::now());
    while real.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == first
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
}
