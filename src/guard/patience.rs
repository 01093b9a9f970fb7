//! How long to wait for tasks that are asked.

use crate::registry::{Reading, current};
use crate::wait;
use crate::wait::trace::Inquiry;
use std::time::{Duration, Instant};

/// How long to wait when no task answers any more: those left hold their threads, or their runtimes do
/// not poll them.
pub(super) const ANSWER: Duration = Duration::from_millis(250);
/// How long to wait in all, however many go on answering.
const ANSWERS: Duration = Duration::from_secs(2);

/// How long the thread naps that waits for polls to return.
const NAP: Duration = Duration::from_micros(50);

/// Waits for answers as long as there are new ones: ten thousand tasks take a busy machine a while.
pub(super) struct Patience {
    end: Instant,
    answered: usize,
    round: Instant,
}

impl Patience {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            end: now + ANSWERS,
            answered: 0,
            round: now + ANSWER,
        }
    }

    /// Whether nothing more is to be waited for.
    pub(super) fn is_over(&mut self, inquiry: &Inquiry) -> bool {
        if inquiry.is_answered() {
            return true;
        }
        let now = Instant::now();
        let answered = inquiry.answered();
        if answered > self.answered {
            self.answered = answered;
            self.round = now + ANSWER;
        }
        now >= self.round.min(self.end)
    }

    /// Waits on this thread.
    pub(super) fn block(mut self, inquiry: &Inquiry) {
        while !self.is_over(inquiry) {
            let until = self.round.min(self.end);
            inquiry.block(until.saturating_duration_since(Instant::now()));
        }
    }
}

/// Waits until the polls have returned in which tasks answered: what a task keeps can be read only between polls.
pub(super) struct Returning {
    end: Instant,
    tasks: Vec<Reading>,
}

impl Returning {
    pub(super) fn of(inquiry: &Inquiry) -> Self {
        // The task that waits here is polled for as long.
        let own = current::task();
        let is_own = |task: &&Reading| own.is_some_and(|own| std::ptr::eq(own, task.slot));
        let answered = inquiry.tasks().iter();
        let answered = answered.filter(|task| inquiry.has_answer_of(task) && !is_own(task));
        let answered: Vec<_> = answered.copied().collect();
        let polled = answered.iter().zip(are_polled(&answered));
        Self {
            end: Instant::now() + ANSWER,
            // Who is not polled now has returned from that poll.
            tasks: polled
                .filter_map(|(task, is_polled)| is_polled.then_some(*task))
                .collect(),
        }
    }

    /// Whether nothing more is to be waited for.
    pub(super) fn is_over(&self) -> bool {
        !are_polled(&self.tasks).any(|is_polled| is_polled) || Instant::now() >= self.end
    }

    /// Waits on this thread.
    pub(super) fn block(self) {
        while !self.is_over() {
            std::thread::sleep(NAP);
        }
    }
}

fn are_polled(tasks: &[Reading]) -> impl Iterator<Item = bool> {
    let schedules = wait::schedules(tasks).into_iter();
    schedules.map(|schedule| schedule.is_some_and(|now| now.running))
}
