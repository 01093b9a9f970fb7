//! Who asked which task what it waits for.
//!
//! Asking marks the task's slot; whoever polls the task next and sees the mark answers, and whoever
//! ends it says so. Here is only the way from the one to the other.

use super::fence;
use super::numbers::NumberMap;
use super::slot::{Reading, Slot, request};
use super::{TaskId, TaskKind};
use crate::stack::Stack;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What a task answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// It waits: where its leaf futures took the waker.
    Waits {
        found: Arc<[Found]>,
        /// Whether one took it at all: not every stack can be had.
        some_took: bool,
    },
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

/// Of so many tasks at a time marks are set or taken off under the lock, which polls that answer take too.
const BATCH: usize = 256;

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
    /// How many have not answered that are woken to do so.
    missing: usize,
    /// Those that nobody can wake: they answer if they happen to be polled, and are not waited for.
    not_woken: NumberMap<TaskId, ()>,
    waker: Option<Waker>,
}

/// Asks the tasks: the next poll of each answers. A future that was tracked for another spawner ([`Track`](crate::Track))
/// is not woken, since what it was polled with may be anybody's waker; so it is not waited for.
pub(crate) fn ask(tasks: &[Reading]) -> Arc<Board> {
    let futures = tasks.iter().filter(|task| task.kind() == TaskKind::Future);
    let not_woken: NumberMap<TaskId, ()> = futures.map(|task| (task.id, ())).collect();
    let board = Arc::new(Board {
        state: Mutex::new(State {
            answers: NumberMap::with_capacity_and_hasher(tasks.len(), Default::default()),
            missing: tasks.len() - not_woken.len(),
            not_woken,
            waker: None,
        }),
        changed: Condvar::new(),
    });
    for batch in tasks.chunks(BATCH) {
        mark(batch, &board);
        // Polls that wait for the lock may go first.
        std::thread::yield_now();
    }
    // Pairs with the light fence in `end`: either it sees the mark, or it is seen here that the task
    // has left.
    fence::heavy();
    for task in tasks.iter().filter(|task| !task.still_alive()) {
        tell(task.slot, task.id, &Answer::Ended);
    }
    board
}

fn mark(tasks: &[Reading], board: &Arc<Board>) {
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
    for batch in tasks.chunks(BATCH) {
        take_off(batch, board);
        std::thread::yield_now();
    }
}

fn take_off(tasks: &[Reading], board: &Arc<Board>) {
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
            let is_new = state.answers.insert(task, answer).is_none();
            if !is_new || state.not_woken.contains_key(&task) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{self, tokio_ids};
    use crate::task::{Builder, Track};

    #[tokio::test]
    async fn what_nobody_can_wake_is_not_waited_for() {
        let given_away = tokio::spawn(std::future::pending::<()>().tracked_as("given away"));
        let spawned = Builder::new().name("spawned");
        let spawned = spawned.spawn(std::future::pending::<()>());
        tokio::task::yield_now().await;
        for (handle, kind, is_complete) in [
            (&given_away, TaskKind::Future, true),
            (&spawned, TaskKind::Task, false),
        ] {
            let number = tokio_ids::id_number(&handle.id());
            let mut live = registry::live().filter(|task| task.tokio_id == number);
            let task = live.next().unwrap();
            assert_eq!(task.kind(), kind);
            let board = ask(&[task]);
            assert_eq!(board.is_complete(), is_complete);
            // Whoever is polled answers all the same.
            tell(task.slot, task.id, &Answer::Ended);
            assert!(board.is_complete() && board.has(task.id));
        }
        given_away.abort();
        spawned.abort();
    }
}
