//! What a guard and a task's cell have to do with each other, whatever the task's future.

use crate::registry::slot::Reading;

/// A cell, whatever its future.
pub(super) trait Assist {
    /// Lets the task go on if it is due, or if `anyway`.
    fn visit(&self, task: &Reading, anyway: bool) -> Visit;

    /// Who can wake the task, as far as the cell knows.
    fn reach(&self) -> Reach;
}

/// What came of a guard's visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visit {
    /// The task has ended, as far as its scope is concerned.
    Ended,
    /// It was polled, and is pending.
    Polled,
    /// Nothing to do: not due, or being polled by somebody.
    Left,
    /// It runs on another thread, which can go on without the guard.
    Elsewhere,
}

/// What a cell knows of its task's wakers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reach {
    /// How many wakers of the runtime's the cell itself keeps.
    pub(crate) own: usize,
    /// A waker that a guard polled the task with is still somewhere, or has woken it; or the task is
    /// being polled.
    pub(crate) wakeable: bool,
}
