//! After the verdict: which of the leaked tasks end when they are aborted.
//!
//! Only for a test that fails by the verdict, and only its own tasks, which their runtime's end would
//! kill just so. Nothing of the verdict depends on what comes of it.

use super::Action;
use super::row::Row;
use crate::config;
use crate::registry::slot::Reading;
use crate::registry::{self, TaskId};
use crate::report::LeakReport;
use crate::task::assisted;
use crate::wait;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How long tasks may take to end: each needs one turn of its runtime.
const LONG_ENOUGH: Duration = Duration::from_millis(250);
const NAP: Duration = Duration::from_millis(1);

/// Leaked tasks that have been aborted.
pub(super) struct Aborted {
    tasks: Vec<Reading>,
    deadline: Instant,
}

impl Aborted {
    /// Aborts what leaked, if the test fails by that.
    pub(super) fn of(report: &LeakReport, action: Action) -> Option<Self> {
        if action != Action::Fail || !config::get().abort || report.leaks().is_empty() {
            return None;
        }
        let leaks = report.leaks().iter().flat_map(|leak| leak.tasks());
        let leaked: HashSet<TaskId> = leaks.map(|task| task.id()).collect();
        let tasks: Vec<_> = registry::live()
            .filter(|task| leaked.contains(&task.id))
            .collect();
        let aborted = wait::abort(&tasks);
        let tasks: Vec<_> = tasks
            .into_iter()
            .filter(|task| aborted.contains(&task.id))
            .collect();
        (!tasks.is_empty()).then(|| Self {
            tasks,
            deadline: Instant::now() + LONG_ENOUGH,
        })
    }

    fn has_ended(task: &Reading) -> bool {
        !task.still_alive() || task.slot.read().is_none_or(|now| now.is_settled())
    }

    fn is_over(&self) -> bool {
        self.tasks.iter().all(Self::has_ended) || Instant::now() >= self.deadline
    }

    /// Lets them end while the runtime goes on.
    pub(super) async fn wait(&self) {
        // The runtime must not park, or a paused clock would go on: so this task stays due.
        while !self.is_over() {
            tokio::task::yield_now().await;
        }
    }

    /// The same on this thread, which may be the one that they need.
    pub(super) fn block(&self) {
        Row::here().run(|| {
            while !self.is_over() {
                for task in self.tasks.iter().filter(|task| !Self::has_ended(task)) {
                    assisted::visit(task, false);
                }
                if !self.is_over() {
                    std::thread::sleep(NAP);
                }
            }
        });
    }

    /// Has the report say what came of it.
    pub(super) fn tell(&self, report: &mut LeakReport) {
        let of = |tasks: &mut dyn Iterator<Item = &Reading>| tasks.map(|task| task.id).collect();
        report.note_aborted(
            &of(&mut self.tasks.iter()),
            &of(&mut self.tasks.iter().filter(|task| Self::has_ended(task))),
        );
    }
}
