//! Hands what happens to tasks on to the observers.
//!
//! One thread takes events out of the registry's queue and puts them into each observer's mailbox.
//! It does little a event, so that the queue rarely fills up; whatever observers do, they do on
//! threads of their own.

use super::mailbox::{Mailbox, Told};
use super::observer::Observer;
use super::snapshot::Snapshot;
use super::task_record::{Moment, TaskRecord};
use crate::registry::{events, timings};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

struct Observers {
    mailboxes: Vec<Arc<Mailbox>>,
    has_thread: bool,
    /// How many times somebody asked for the queue to be emptied, and up to which of these it was.
    flushes_asked: u64,
    flushed: u64,
}

static OBSERVERS: Mutex<Observers> = Mutex::new(Observers {
    mailboxes: Vec::new(),
    has_thread: false,
    flushes_asked: 0,
    flushed: 0,
});
static FLUSHED: Condvar = Condvar::new();

/// After a look at the queue, the thread leaves it alone for this long, so that a busy service wakes
/// it a thousand times a second at most.
const PAUSE: Duration = Duration::from_millis(1);
/// An idle thread is woken by the next event. Where processors may delay that, it looks again after
/// this long.
const IDLE: Duration = Duration::from_millis(250);
/// Without observers there is nothing to be told: the first one to be added wakes it.
const NOBODY: Duration = Duration::from_secs(3600);
const MOST_AT_ONCE: usize = 1024;

fn lock() -> MutexGuard<'static, Observers> {
    OBSERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(observer: impl Observer, capacity: usize) -> std::io::Result<Arc<Mailbox>> {
    let mailbox = Mailbox::open(observer, capacity)?;
    let mut observers = lock();
    events::want(true, capacity);
    if !observers.has_thread {
        let thread = std::thread::Builder::new().name("taskleak-events".to_owned());
        if let Err(error) = thread.spawn(run) {
            drop(observers);
            mailbox.close();
            return Err(error);
        }
        observers.has_thread = true;
    }
    timings::want();
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
        timings::release();
        if observers.mailboxes.is_empty() {
            events::want(false, 0);
        }
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

/// Waits until an observer was told all that has happened so far.
pub(super) fn flush(mailbox: &Mailbox, at_most: Duration) -> bool {
    let now = Instant::now();
    let deadline = now
        .checked_add(at_most)
        .unwrap_or(now + Duration::from_secs(1 << 30));
    let mut observers = lock();
    observers.flushes_asked += 1;
    let mine = observers.flushes_asked;
    events::wake();
    while observers.flushed < mine {
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

fn run() {
    events::read_by_this_thread();
    let mut missed = events::missed();
    let mut told = Vec::new();
    loop {
        let flush = lock().flushes_asked;
        let now = Moment::now();
        let mut was_emptied = false;
        while told.len() < MOST_AT_ONCE {
            let Some(event) = events::next() else {
                was_emptied = true;
                break;
            };
            told.push(Told {
                what: event.what,
                task: TaskRecord::of_event(event, now),
            });
        }
        // After the events were taken: who was added before they happened is among them.
        let mailboxes = lock().mailboxes.clone();
        let newly_missed = events::missed() - missed;
        missed += newly_missed;
        let had_events = !told.is_empty();
        let events: Arc<[Told]> = told.drain(..).collect();
        for mailbox in &mailboxes {
            if newly_missed > 0 {
                mailbox.miss(newly_missed);
            }
            if had_events {
                mailbox.send(&events);
            }
        }
        // They may hold the last of a task's data.
        drop(events);
        if !was_emptied {
            continue;
        }
        let mut observers = lock();
        observers.flushed = observers.flushed.max(flush);
        let is_asked = observers.flushes_asked > observers.flushed;
        drop(observers);
        FLUSHED.notify_all();
        if is_asked {
            continue;
        }
        if had_events {
            std::thread::park_timeout(PAUSE);
        } else {
            // Who is added while this goes to sleep wakes it.
            events::sleep(if mailboxes.is_empty() { NOBODY } else { IDLE });
        }
    }
}
