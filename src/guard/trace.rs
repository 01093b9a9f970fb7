//! Asking the tasks that are left what they wait for: after the grace, before the verdict.

use super::judge::members;
use super::patience::{ANSWER, Patience, Returning};
use super::settle::{Settling, Waited};
use super::stuck::standings;
use super::timer::Timer;
use crate::registry::slot::flag;
use crate::registry::{TaskId, TaskKind};
use crate::task::assisted;
use crate::wait::Standing;
use crate::wait::trace::{Answers, Inquiry};
use std::time::Instant;

/// How a wait ended, and what those answered that are left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) waited: Waited,
    pub(crate) answers: Answers,
}

impl Left {
    pub(super) fn nothing() -> Self {
        Self {
            waited: Waited::Clean,
            answers: Answers::default(),
        }
    }
}

impl Settling {
    fn ask(&self) -> Inquiry {
        let is_judged = |flags: u32| flags & flag::BACKGROUND == 0 || !self.allows_background();
        Inquiry::of(members(self.scope()).filter(|task| is_judged(task.flags)))
    }

    /// What is known of the tasks' chances before they are polled in order to ask them.
    fn standings(&self) -> Vec<(TaskId, Standing)> {
        let tasks: Vec<_> = members(self.scope()).collect();
        let standings = standings(&tasks);
        tasks.iter().map(|task| task.id).zip(standings).collect()
    }

    /// Asks on this thread, which may be the one that polls the tasks. A task that is asked may end;
    /// `wait` waits for what comes of that.
    pub(super) fn trace_blocking(
        &self,
        waited: Waited,
        wait: impl FnOnce(Instant) -> Waited,
    ) -> Left {
        if waited == Waited::Clean {
            return Left::nothing();
        }
        let standings = self.standings();
        let inquiry = self.ask();
        // First without a wake, after which the runtime would have them queued.
        for task in inquiry.tasks() {
            assisted::visit(task, true);
        }
        inquiry.wake();
        Patience::new().block(&inquiry);
        Returning::of(&inquiry).block();
        let answers = inquiry.answers().with_standings(standings);
        drop(inquiry);
        if answers.some_ended() && wait(Instant::now() + ANSWER) == Waited::Clean {
            return Left::nothing();
        }
        Left { waited, answers }
    }

    /// Asks in place, letting the runtime go on.
    pub(crate) async fn trace(&self, waited: Waited) -> Left {
        if waited == Waited::Clean {
            return Left::nothing();
        }
        let standings = self.standings();
        let inquiry = self.ask();
        inquiry.wake();
        let mut patience = Patience::new();
        // The runtime must not park, or a paused clock would go on: so this task stays due.
        while !patience.is_over(&inquiry) {
            tokio::task::yield_now().await;
        }
        if !inquiry.is_answered() {
            // A local task whose set nobody runs now can be asked from here, if it is on this thread.
            for task in inquiry.tasks() {
                if task.kind() == TaskKind::Local && !inquiry.has_answer_of(task) {
                    assisted::visit(task, true);
                }
            }
        }
        let returning = Returning::of(&inquiry);
        while !returning.is_over() {
            tokio::task::yield_now().await;
        }
        drop(returning);
        let answers = inquiry.answers().with_standings(standings);
        drop(inquiry);
        if answers.some_ended() && self.wait(|| Timer::anywhere(ANSWER)).await == Waited::Clean {
            return Left::nothing();
        }
        Left { waited, answers }
    }
}
