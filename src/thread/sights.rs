//! Where the threads are that do not come back from a poll.

use super::interrupt;
use super::refusal::Refusal;
use crate::registry::numbers::NumberMap;
use crate::registry::slot::flag;
use crate::registry::{Reading, TaskId, poller, pollers};
use crate::stack::Stack;
use std::time::{Duration, Instant};

/// How many threads are looked at, and how long it may take in all.
const MOST: usize = 64;
const LONGEST: Duration = Duration::from_secs(2);

/// Where threads were found that run polls (or blocking closures) which have not returned.
#[derive(Debug, Default)]
pub(crate) struct Sights(NumberMap<TaskId, Result<Stack, Refusal>>);

impl Sights {
    /// Looks at the threads that run these, one after the other. Interrupts them for some microseconds.
    pub(crate) fn of(tasks: &[Reading]) -> Self {
        let mut sights = Self::default();
        let deadline = Instant::now() + LONGEST;
        let own = poller::id();
        let running = || tasks.iter().filter(|task| task.has(flag::POLLING));
        for task in running()
            .filter(|task| task.poller != 0 && task.poller != own)
            .take(MOST)
        {
            if Instant::now() >= deadline {
                return sights;
            }
            let found = interrupt::look(task.poller);
            // The thread may have gone on meanwhile, or may be another one by now that has its number.
            let stack = if is_same_poll(task) {
                found.map(|found| found.stack)
            } else {
                Err(Refusal::Ended)
            };
            sights.0.insert(task.id, stack);
        }
        // Nobody noted which thread polls these: it is one that polls tracked tasks.
        let mut unknown: Vec<_> = running()
            .filter(|task| task.poller == 0)
            .map(|task| task.id)
            .collect();
        for thread in pollers::others().into_iter().take(MOST) {
            if unknown.is_empty() || Instant::now() >= deadline {
                break;
            }
            if let Ok(found) = interrupt::look(thread)
                && let Some(task) = found.task
                && unknown.contains(&task)
            {
                unknown.retain(|other| *other != task);
                sights.0.insert(task, Ok(found.stack));
            }
        }
        sights
    }

    /// Where the task's thread was, or why that cannot be told. None if nobody looked.
    pub(crate) fn get(&self, task: TaskId) -> Option<Result<Stack, &'static str>> {
        let sight = self.0.get(&task).copied()?;
        Some(sight.map_err(Refusal::as_str))
    }
}

/// Where a thread is, by the system's number of it, unless it polls a task: of that the task's own record tells.
pub(crate) fn stack_of(thread: u32) -> Option<Stack> {
    let found = interrupt::look(thread).ok()?;
    found.task.is_none().then_some(found.stack)
}

/// Whether the poll that was read of has not returned yet.
fn is_same_poll(task: &Reading) -> bool {
    task.id.read().is_some_and(|now| {
        now.has(flag::POLLING)
            && (now.polls, now.last_poll, now.poller) == (task.polls, task.last_poll, task.poller)
    })
}
