//! Asking tasks what they wait for.

use super::pause::either;
use super::snapshot::Snapshot;
use crate::registry::alarm::Sleep;
use crate::registry::{self, Reading};
use crate::wait::trace::Inquiry;
use std::future::poll_fn;
use std::time::{Duration, Instant};

/// How many tasks of a suspect name are asked: they nearly always wait in the same way.
pub(super) const MOST_ASKED: usize = 100;
/// How many tasks are asked for a profile: each is a poll that the service did not ask for.
#[cfg(feature = "http")]
const MOST_OF_ALL: usize = 4096;
/// How long the monitor waits for their answers.
const ANSWER: Duration = Duration::from_millis(100);

/// A snapshot with what each task waits for, as far as they answer in time.
pub(super) async fn snapshot(take: impl FnOnce() -> Snapshot, within: Duration) -> Snapshot {
    let inquiry = of_all();
    let answered = poll_fn(|cx| inquiry.poll_answered(cx));
    match Instant::now().checked_add(within) {
        Some(deadline) => either(answered, Sleep::until(deadline)).await,
        None => answered.await,
    }
    let mut snapshot = take();
    hear(&inquiry, &mut snapshot);
    snapshot
}

fn of_all() -> Inquiry {
    let inquiry = Inquiry::of(registry::live().filter(|task| !task.is_settled()));
    inquiry.wake();
    inquiry
}

/// Asks some tasks of a snapshot, and waits on this thread, which must be none that they need.
pub(super) fn ask(tasks: Vec<Reading>, snapshot: &mut Snapshot) {
    ask_within(tasks, snapshot, ANSWER);
}

/// The same, for who may want to know it of all tasks, every few seconds: of very many only some are asked. While
/// this thread waits for so long.
#[cfg(feature = "http")]
pub(super) fn ask_some(mut tasks: Vec<Reading>, snapshot: &mut Snapshot, within: Duration) {
    tasks.retain(Inquiry::can_ask);
    let all = tasks.len();
    let asked = super::spread::spread(tasks, MOST_OF_ALL);
    snapshot.not_asked = all - asked.len();
    ask_within(asked, snapshot, within);
}

fn ask_within(tasks: Vec<Reading>, snapshot: &mut Snapshot, within: Duration) {
    if tasks.is_empty() {
        return;
    }
    let inquiry = Inquiry::of(tasks.into_iter());
    inquiry.wake();
    inquiry.block(within);
    hear(&inquiry, snapshot);
}

fn hear(inquiry: &Inquiry, snapshot: &mut Snapshot) {
    let answers = inquiry.answers();
    for task in &mut snapshot.tasks {
        task.hear(&answers);
    }
}
