//! What tasks are found doing when there is no grace to give.

use super::blocked;
use super::judge::members;
use super::patience::Patience;
use crate::registry::{Reading, ScopeRef, TaskInfo};
use crate::thread::Sights;
use crate::wait::trace::{Answers, Inquiry};
use std::time::Duration;

/// What tasks answered that were asked from a thread which none of them needs.
#[derive(Default)]
pub(crate) struct Asked {
    answers: Answers,
    sights: Sights,
}

impl Asked {
    /// Asks on this thread, and looks at the threads of polls that have not returned for `blocked_after`.
    pub(crate) fn block(tasks: &[Reading], blocked_after: Option<Duration>) -> Self {
        let answers = answers(tasks.iter().copied());
        let sights = blocked::look(tasks.iter().copied(), blocked_after, &answers);
        Self { answers, sights }
    }

    /// The task with what was found. Of one that did not answer nothing is said: its runtime may be gone.
    pub(crate) fn tell(&self, task: TaskInfo) -> TaskInfo {
        let blocked = self.sights.get(task.id());
        let task = task.with_blocked(blocked);
        if self.answers.of(task.id()).flatten().is_some() {
            task.with_answer(&self.answers)
        } else {
            task
        }
    }
}

/// What the tasks of a scope answer to a thread that none of them needs.
pub(crate) fn answers_of(scope: ScopeRef) -> Answers {
    scope
        .open()
        .map(|scope| answers(members(scope)))
        .unwrap_or_default()
}

fn answers(tasks: impl Iterator<Item = Reading>) -> Answers {
    let inquiry = Inquiry::of(tasks);
    inquiry.wake();
    Patience::new().block(&inquiry);
    inquiry.answers()
}
