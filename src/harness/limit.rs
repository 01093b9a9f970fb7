//! How long a test's body may take.

use crate::guard::{ThreadTimer, clock_is_paused};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A limit for the body of a test; it is in no timer of the runtime's.
///
/// A paused clock goes on to the next timer whenever the runtime is idle, also while the body waits for a socket: a
/// timer at the limit would make it go on to just that. So the clock is only looked at, and goes by the body's own
/// timers.
pub(super) struct Limit {
    timer: ThreadTimer,
    paused: Option<Paused>,
}

/// What there is to know on a paused clock.
struct Paused {
    /// When the time is over; none if that is further than the clock goes.
    end: Option<Instant>,
    /// How long the clock and the body may stand still, in real time.
    standstill: Duration,
    /// Since when they do.
    stands: Stands,
}

struct Stands {
    at: Instant,
    since: std::time::Instant,
}

/// How often a paused clock is looked at while the body is not polled.
const LOOK: Duration = Duration::from_millis(20);
/// How long a paused clock and a body may stand still: much more than a busy machine, or what is not asynchronous,
/// makes them wait; but no hour, if that is the limit.
const STANDSTILL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(10);
/// The granularity of tokio's timers.
const TICK: Duration = Duration::from_millis(1);

impl Limit {
    pub(super) fn new(limit: Duration) -> Self {
        if !clock_is_paused() {
            return Self {
                timer: ThreadTimer::new(limit),
                paused: None,
            };
        }
        let stands = Stands::now();
        let end = stands.at.checked_add(limit.saturating_add(TICK));
        Self {
            timer: ThreadTimer::new(LOOK),
            paused: Some(Paused {
                end,
                standstill: limit.clamp(*STANDSTILL.start(), *STANDSTILL.end()),
                stands,
            }),
        }
    }

    /// Whether the clock has gone past the limit: the body is too late, whatever it is about to do.
    pub(super) fn is_past(&self) -> bool {
        let end = self.paused.as_ref().and_then(|paused| paused.end);
        end.is_some_and(|end| Instant::now() > end)
    }

    /// Ready when the time is over. To be called after each poll of the body that did not end it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(paused) = &mut self.paused else {
            return self.timer.poll(cx);
        };
        if self.timer.poll(cx).is_pending() {
            // Somebody else has woken the body.
            paused.stands = Stands::now();
            return Poll::Pending;
        }
        let now = Stands::now();
        if paused.end.is_some_and(|end| now.at > end) {
            return Poll::Ready(());
        }
        if now.at != paused.stands.at {
            paused.stands = now;
        } else if now.since.duration_since(paused.stands.since) >= paused.standstill {
            return Poll::Ready(());
        }
        self.timer.restart(LOOK);
        self.timer.poll(cx)
    }
}

impl Stands {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            since: std::time::Instant::now(),
        }
    }
}
