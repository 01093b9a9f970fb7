//! Waiting for a deadline from inside a task, on whatever clock the runtime runs.

use super::thread_timer::ThreadTimer;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
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

/// How long a paused clock may stand still, if the grace is not longer. Much more than a scheduler
/// makes a runnable process wait, since the verdict must not depend on the machine's load.
const STANDSTILL: Duration = Duration::from_secs(1);

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

    /// A shorter wait of the same kind, in place of the last one: so it takes no thread of its own each time.
    pub(crate) fn nap<'nap>(
        &self,
        last: &'nap mut Option<Self>,
        after: Duration,
    ) -> &'nap mut Self {
        if let Some(last) = last {
            last.restart(after);
        }
        last.get_or_insert_with(|| match self {
            Self::Runtime(_) | Self::Paused { .. } => Self::on_runtime(after),
            Self::Thread(_) => Self::Thread(ThreadTimer::new(after)),
        })
    }

    /// Whether time is virtual: then it goes on only where the runtime is idle.
    pub(crate) fn is_virtual(&self) -> bool {
        matches!(self, Self::Paused { .. })
    }

    /// Begins anew, with the thread that there is.
    fn restart(&mut self, after: Duration) {
        let set = |sleep: &mut Pin<Box<tokio::time::Sleep>>| {
            let now = tokio::time::Instant::now();
            let deadline = now.checked_add(after).unwrap_or(now);
            sleep.as_mut().reset(deadline);
        };
        match self {
            Self::Runtime(sleep) => set(sleep),
            Self::Paused { sleep, stuck } => {
                set(sleep);
                stuck.restart(after.max(STANDSTILL));
            }
            Self::Thread(timer) => timer.restart(after),
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

/// Whether this runtime's clock stands still (`tokio::time::pause`): then two looks at it are equal
/// although real time has passed.
pub(crate) fn clock_is_paused() -> bool {
    let (first, real) = (tokio::time::Instant::now(), Instant::now());
    while real.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    tokio::time::Instant::now() == first
}
