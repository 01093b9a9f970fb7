//! Who asked which task what it waits for.
//!
//! Asking marks the task's slot; whoever polls the task next and sees the mark answers, and whoever
//! ends it says so. Here is only the way from the one to the other.

use super::TaskId;
use super::fence;
use super::numbers::NumberMap;
use super::slot::{Reading, Slot, request};
use crate::stack::Stack;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What a task answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It waits: where its leaf futures took the waker.
    Waits { found: Arc<[Found]> },
    /// It has ended, by the poll that was to answer or otherwise.
    Ended,
}

/// Where one of a task's leaf futures took the waker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Found {
    pub(crate) stack: Stack,
    /// The task woke itself there: it waits for nothing but its next turn.
    pub(crate) wakes: bool,
}

type Asked = NumberMap<TaskId, Boards>;

/// Where a task's answer is to go. Nearly always to one who asked, which takes no memory.
struct Boards {
    first: Arc<Board>,
    more: Vec<Arc<Board>>,
}

/// Slots are marked and unmarked under this lock only.
static ASKED: Mutex<Option<Asked>> = Mutex::new(None);

fn asked() -> MutexGuard<'static, Option<Asked>> {
    ASKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the answers to one inquiry arrive.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    answers: NumberMap<TaskId, Answer>,
    /// How many have not answered.
    missing: usize,
    waker: Option<Waker>,
}

/// Asks the tasks: the next poll of each answers.
pub(crate) fn ask(tasks: &[Reading]) -> Arc<Board> {
    let board = Arc::new(Board {
        state: Mutex::new(State {
            answers: NumberMap::with_capacity_and_hasher(tasks.len(), Default::default()),
            missing: tasks.len(),
            waker: None,
        }),
        changed: Condvar::new(),
    });
    {
        let mut asked = asked();
        let asked = asked.get_or_insert_default();
        for task in tasks {
            match asked.entry(task.id) {
                Entry::Vacant(asked) => {
                    asked.insert(Boards {
                        first: board.clone(),
                        more: Vec::new(),
                    });
                }
                Entry::Occupied(asked) => asked.into_mut().more.push(board.clone()),
            }
            task.slot.request(request::TRACE, 0);
        }
    }
    // Pairs with the light fence in `end`: either it sees the mark, or it is seen here that the task
    // has left.
    fence::heavy();
    for task in tasks.iter().filter(|task| !task.still_alive()) {
        tell(task.slot, task.id, &Answer::Ended);
    }
    board
}

/// Delivers a task's answer to all who asked.
pub(crate) fn tell(slot: &'static Slot, task: TaskId, answer: &Answer) {
    let boards = {
        let mut asked = asked();
        let boards = asked.as_mut().and_then(|asked| asked.remove(&task));
        unmark(slot, asked.as_ref());
        boards
    };
    if let Some(Boards { first, more }) = boards {
        for board in more {
            board.put(task, answer.clone());
        }
        first.put(task, answer.clone());
    }
}

/// Takes the mark off a slot, unless the task that lives there (another one by now, perhaps) is asked.
fn unmark(slot: &'static Slot, asked: Option<&Asked>) {
    let is_asked = |task: Reading| asked.is_some_and(|asked| asked.contains_key(&task.id));
    if !slot.read().is_some_and(is_asked) {
        slot.request(0, request::TRACE);
    }
}

/// The board's asker wants no more answers.
pub(crate) fn withdraw(board: &Arc<Board>, tasks: &[Reading]) {
    let mut asked = asked();
    for task in tasks {
        let Some(asked) = asked.as_mut() else { return };
        let Some(boards) = asked.get_mut(&task.id) else {
            continue;
        };
        boards.more.retain(|other| !Arc::ptr_eq(other, board));
        if !Arc::ptr_eq(&boards.first, board) {
            continue;
        }
        if let Some(next) = boards.more.pop() {
            boards.first = next;
        } else {
            asked.remove(&task.id);
            unmark(task.slot, Some(asked));
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, task: TaskId, answer: Answer) {
        let waker = {
            let mut state = self.lock();
            if state.answers.insert(task, answer).is_some() {
                return;
            }
            state.missing -= 1;
            if state.missing > 0 {
                return;
            }
            state.waker.take()
        };
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.lock().missing == 0
    }

    /// How many have answered.
    pub(crate) fn answered(&self) -> usize {
        self.lock().answers.len()
    }

    pub(crate) fn has(&self, task: TaskId) -> bool {
        self.lock().answers.contains_key(&task)
    }

    /// Waits on this thread until all have answered, at most so long.
    pub(crate) fn block(&self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        let mut state = self.lock();
        while state.missing > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ready once all have answered.
    pub(crate) fn poll_complete(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Foreign code, so not under the lock.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.missing == 0 {
            return Poll::Ready(());
        }
        let old = state.waker.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// What was answered so far.
    pub(crate) fn take(&self) -> NumberMap<TaskId, Answer> {
        std::mem::take(&mut self.lock().answers)
    }
}
