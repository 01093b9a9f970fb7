//! Hands what happens to tasks on to the observers.
//!
//! One thread takes events out of the registry's queue and puts them into each observer's mailbox.
//! It does little an event, so that the queue rarely fills up; whatever observers do, they do on
//! threads of their own. No task wakes it while it finds something every now and then: it looks by
//! itself, a thousand times a second at most.

use super::batch::Batch;
use super::interest::Interest;
use super::mailbox::Mailbox;
use super::observer::Observer;
use super::snapshot::Snapshot;
use crate::registry::events::{self, Wanted};
use crate::registry::timings;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

struct Observers {
    mailboxes: Vec<Arc<Mailbox>>,
    has_thread: bool,
    /// How many times somebody asked for all that had happened by then, and up to which of these it was
    /// looked for what was dropped.
    flushes_asked: u64,
    looked: u64,
    /// All events of lower numbers are in the mailboxes.
    taken: u64,
}

static OBSERVERS: Mutex<Observers> = Mutex::new(Observers {
    mailboxes: Vec::new(),
    has_thread: false,
    flushes_asked: 0,
    looked: 0,
    taken: 0,
});
static FLUSHED: Condvar = Condvar::new();

/// After it found something, the thread leaves the queue alone for this long.
const PAUSE: Duration = Duration::from_millis(1);
/// While it finds nothing, for longer and longer, up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// So many looks that found nothing take about a second. From then on the next event wakes it, which
/// costs the task a system call: one a second at most.
const LOOKS: u32 = 64;
/// Where processors may delay that, it looks again after this long.
const IDLE: Duration = Duration::from_millis(250);
/// Without observers there is nothing to be told: the first one to be added wakes it.
const NOBODY: Duration = Duration::from_secs(3600);

fn lock() -> MutexGuard<'static, Observers> {
    OBSERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(observer: impl Observer, capacity: usize) -> std::io::Result<Arc<Mailbox>> {
    let mailbox = Mailbox::open(observer, capacity)?;
    let mut observers = lock();
    let interest = mailbox.interest();
    events::want(wanted(&observers.mailboxes, Some(interest)), capacity);
    if !observers.has_thread {
        let thread = std::thread::Builder::new().name("taskleak-events".to_owned());
        if let Err(error) = thread.spawn(run) {
            events::want(wanted(&observers.mailboxes, None), 0);
            drop(observers);
            mailbox.close();
            return Err(error);
        }
        observers.has_thread = true;
    }
    if interest.ends {
        timings::want();
    }
    observers.mailboxes.push(mailbox.clone());
    drop(observers);
    events::wake();
    Ok(mailbox)
}

pub(super) fn remove(mailbox: &Arc<Mailbox>) {
    let mut observers = lock();
    let place = observers
        .mailboxes
        .iter()
        .position(|one| Arc::ptr_eq(one, mailbox));
    if let Some(place) = place {
        observers.mailboxes.swap_remove(place);
        if mailbox.interest().ends {
            timings::release();
        }
        events::want(wanted(&observers.mailboxes, None), 0);
    }
    drop(observers);
    mailbox.close();
}

/// Tells all observers of a snapshot.
pub(super) fn publish(snapshot: &Arc<Snapshot>) {
    let mailboxes = lock().mailboxes.clone();
    for mailbox in mailboxes {
        mailbox.send_snapshot(snapshot);
    }
}

/// Waits until an observer was told all that has happened so far; what happens meanwhile, however much,
/// is not waited for.
pub(super) fn flush(mailbox: &Mailbox, at_most: Duration) -> bool {
    let now = Instant::now();
    let deadline = now
        .checked_add(at_most)
        .unwrap_or(now + Duration::from_secs(1 << 30));
    let happened = events::number_from_now();
    let mut observers = lock();
    observers.flushes_asked += 1;
    let mine = observers.flushes_asked;
    events::wake();
    while observers.looked < mine || observers.taken < happened {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let slept = FLUSHED.wait_timeout(observers, left);
        observers = slept.unwrap_or_else(PoisonError::into_inner).0;
    }
    drop(observers);
    mailbox.wait_until_read(deadline)
}

/// What anybody wants, with one who is about to be added.
fn wanted(mailboxes: &[Arc<Mailbox>], added: Option<Interest>) -> Wanted {
    let interests = mailboxes.iter().map(|mailbox| mailbox.interest());
    match interests.chain(added).reduce(Interest::or) {
        None => Wanted::NOTHING,
        Some(Interest { starts, ends }) => Wanted::of(starts, ends),
    }
}

fn run() {
    events::read_by_this_thread();
    let mut looks = 0;
    loop {
        let flush = lock().flushes_asked;
        let (batch, was_emptied) = Batch::take();
        // After the events were taken: who was added before they happened is among them.
        let mailboxes = lock().mailboxes.clone();
        let had_events = !batch.is_empty();
        let batch = Arc::new(batch);
        for mailbox in &mailboxes {
            mailbox.look_for_missed();
            if had_events {
                mailbox.send(&batch);
            }
        }
        // It may hold the last of a task's data.
        drop(batch);
        let mut observers = lock();
        let is_asked = observers.flushes_asked > observers.looked;
        observers.looked = observers.looked.max(flush);
        observers.taken = events::next_number();
        let is_asked_again = observers.flushes_asked > observers.looked;
        drop(observers);
        if is_asked || had_events {
            FLUSHED.notify_all();
        }
        if is_asked_again || !was_emptied {
            continue;
        }
        looks = if had_events { 0 } else { looks + 1 };
        if mailboxes.is_empty() {
            // Who is added while this goes to sleep wakes it.
            events::sleep(NOBODY);
        } else if looks < LOOKS {
            std::thread::park_timeout((PAUSE * (1 << looks.min(8))).min(LONGEST_PAUSE));
        } else {
            events::sleep(IDLE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::events::tests::WOKEN;
    use std::sync::atomic::Ordering::Relaxed;

    struct Quiet;

    impl Observer for Quiet {}

    /// One task after the other, each long after the last was told: the thread finds them by itself.
    #[test]
    fn tasks_do_not_wake_the_thread_while_it_looks() {
        const TASKS: u64 = 100;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mailbox = add(Quiet, 1024).unwrap();
        let woken = WOKEN.load(Relaxed);
        for _ in 0..TASKS {
            let task = crate::task::Builder::new().spawn_on(async {}, runtime.handle());
            runtime.block_on(task).unwrap();
            std::thread::sleep(2 * PAUSE);
        }
        // One for the first of them; more only if this thread was kept from running for a second.
        let woken = WOKEN.load(Relaxed) - woken;
        assert!(woken < TASKS / 5, "{woken}");
        assert!(flush(&mailbox, Duration::from_secs(60)));
        remove(&mailbox);
    }
}
