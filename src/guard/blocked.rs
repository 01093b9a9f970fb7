//! Which of the tasks that are left hold their threads, and where.

use crate::registry::clock;
use crate::registry::slot::{Reading, flag};
use crate::thread::Sights;
use crate::wait::trace::Answers;
use std::time::Duration;

/// Who wants to be told later than this is not to be told sooner because a task was asked and did not answer.
const USUAL: Duration = Duration::from_secs(1);

/// Looks at the threads of polls and blocking closures that have not returned for so long, or since they were to answer: a
/// grace may be shorter.
pub(super) fn look(
    tasks: impl Iterator<Item = Reading>,
    after: Option<Duration>,
    answers: &Answers,
) -> Sights {
    let Some(after) = after else {
        return Sights::default();
    };
    let is_blocked = |task: &Reading| {
        let is_old = task.last_poll > 0 && age(task) >= after;
        is_old || (after <= USUAL && is_silent(task, answers))
    };
    let running = tasks.filter(|task| task.has(flag::POLLING));
    Sights::of(&running.filter(is_blocked).collect::<Vec<_>>())
}

/// Time since the last poll began that was timed.
pub(super) fn age(task: &Reading) -> Duration {
    Duration::from_nanos(clock::now().saturating_sub(task.last_poll))
}

/// Looks at the threads of the polls that have not returned since they were to answer.
pub(super) fn of_silent(tasks: impl Iterator<Item = Reading>, answers: &Answers) -> Sights {
    let running = tasks.filter(|task| task.has(flag::POLLING) && is_silent(task, answers));
    Sights::of(&running.collect::<Vec<_>>())
}

fn is_silent(task: &Reading, answers: &Answers) -> bool {
    answers.of(task.id).is_some_and(|answer| answer.is_none())
}
