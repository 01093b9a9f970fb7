//! Asking tasks what they wait for.

use super::answers::Answers;
use crate::registry::TaskKind;
use crate::registry::inquiry::{self, Board};
use crate::registry::judges::Tracing;
use crate::registry::slot::Reading;
use crate::wait::tokio_waker;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Some tasks that are asked what they wait for. It stops asking when it is dropped.
pub(crate) struct Inquiry {
    tasks: Vec<Reading>,
    board: Arc<Board>,
    _tracing: Tracing,
}

impl Inquiry {
    /// Whether a task can tell anything: not closures, tasks that were never polled, and those that only their
    /// runtime's hooks know.
    pub(crate) fn can_ask(task: &Reading) -> bool {
        !matches!(task.kind(), TaskKind::Blocking | TaskKind::Hooked) && task.polls > 0
    }

    /// Marks the tasks, so that the next poll of each answers; those that can tell nothing are left
    /// out.
    pub(crate) fn of(tasks: impl Iterator<Item = Reading>) -> Self {
        let tracing = Tracing::begin();
        let tasks: Vec<_> = tasks.filter(Self::can_ask).collect();
        let board = inquiry::ask(&tasks);
        Self {
            tasks,
            board,
            _tracing: tracing,
        }
    }

    /// Wakes those that have not answered yet, so that their runtimes poll them.
    pub(crate) fn wake(&self) {
        let silent: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| !self.board.has(task.id))
            .copied()
            .collect();
        for waker in tokio_waker::wakers(&silent) {
            waker.wake();
        }
    }

    /// The tasks that are asked.
    pub(crate) fn tasks(&self) -> &[Reading] {
        &self.tasks
    }

    pub(crate) fn has_answer_of(&self, task: &Reading) -> bool {
        self.board.has(task.id)
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.board.is_complete()
    }

    /// How many have answered.
    pub(crate) fn answered(&self) -> usize {
        self.board.answered()
    }

    /// Waits on this thread until all have answered, at most so long.
    pub(crate) fn block(&self, at_most: Duration) {
        self.board.block(at_most);
    }

    /// Ready once all have answered.
    pub(crate) fn poll_answered(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.board.poll_complete(cx)
    }

    /// What was answered so far.
    pub(crate) fn answers(&self) -> Answers {
        let mut answers = self.board.take();
        let answers = self
            .tasks
            .iter()
            .map(|task| (task, answers.remove(&task.id)));
        Answers::new(answers)
    }
}

impl Drop for Inquiry {
    fn drop(&mut self) {
        inquiry::withdraw(&self.board, &self.tasks);
    }
}
