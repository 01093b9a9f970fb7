//! What one observer has yet to be told, and the thread that tells it.

use super::batch::{Batch, Subscription};
use super::interest::Interest;
use super::observer::Observer;
use super::snapshot::Snapshot;
use crate::payload;
use crate::registry::events::{self, What};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

enum Letter {
    /// Of some events that all observers share, the first so many that this one is to be told.
    Tasks(Arc<Batch>, usize),
    /// With its suspects.
    Snapshot(Arc<Snapshot>),
}

impl Letter {
    fn events(&self) -> usize {
        match self {
            Self::Tasks(_, count) => *count,
            Self::Snapshot(_) => 1,
        }
    }
}

/// A snapshot keeps a record of each task that was alive: not many of them wait.
const MOST_SNAPSHOTS: usize = 2;

#[derive(Default)]
struct Content {
    /// With their numbers.
    letters: VecDeque<(u64, Letter)>,
    /// How many events are in the letters.
    waiting: usize,
    /// The number of the last letter that was put in, and of the last before which none is left.
    sent: u64,
    done: u64,
    missed: u64,
    /// How many events that it wants had been dropped before they came here, all told, when last looked.
    missed_by_all: u64,
    /// Missed, and the observer does not know.
    missed_untold: u64,
    panics: u64,
}

/// How many events have been dropped, since the process began, that are wanted by who has this interest.
fn missed_by_all(Interest { starts, ends }: Interest) -> u64 {
    events::missed(starts, ends)
}

/// Bounded: who puts something in never waits.
pub(super) struct Mailbox {
    content: Mutex<Content>,
    changed: Condvar,
    capacity: usize,
    wanted: Subscription,
    is_closed: AtomicBool,
}

impl Mailbox {
    fn new(capacity: usize, interest: Interest) -> Self {
        Self {
            content: Mutex::new(Content {
                // What was dropped until now was nothing that this observer was to be told.
                missed_by_all: missed_by_all(interest),
                ..Content::default()
            }),
            changed: Condvar::new(),
            capacity,
            wanted: Subscription {
                interest,
                since: events::number_from_now(),
            },
            is_closed: AtomicBool::new(false),
        }
    }

    /// A mailbox and the thread that reads it to the observer.
    pub(super) fn open(observer: impl Observer, capacity: usize) -> std::io::Result<Arc<Self>> {
        let interest = observer.interest();
        let mailbox = Arc::new(Self::new(capacity, interest));
        let reader = mailbox.clone();
        std::thread::Builder::new()
            .name("taskleak-observer".to_owned())
            .spawn(move || reader.read_to(observer))?;
        Ok(mailbox)
    }

    /// One that nobody reads.
    pub(super) fn closed() -> Arc<Self> {
        let mailbox = Self::new(0, Interest::NONE);
        mailbox.close();
        Arc::new(mailbox)
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts events in that the observer wants, as many as there is room for.
    pub(super) fn send(&self, events: &Arc<Batch>) {
        let wanted = events.count(self.wanted);
        if wanted == 0 {
            return;
        }
        let mut content = self.lock();
        let room = self.capacity.saturating_sub(content.waiting);
        let fitting = room.min(wanted);
        let missed = (wanted - fitting) as u64;
        content.missed += missed;
        content.missed_untold += missed;
        if fitting > 0 {
            let kept = events.kept_for(fitting, self.wanted);
            self.put(&mut content, Letter::Tasks(kept, fitting));
        }
        drop(content);
        self.changed.notify_all();
    }

    /// Puts a snapshot in, in the place of an older one if some wait already.
    pub(super) fn send_snapshot(&self, snapshot: &Arc<Snapshot>) {
        let mut content = self.lock();
        let is_snapshot = |(_, letter): &(u64, Letter)| matches!(letter, Letter::Snapshot(_));
        let waiting = content.letters.iter().filter(|one| is_snapshot(one));
        let mut replaced = None;
        if waiting.count() >= MOST_SNAPSHOTS
            && let Some(oldest) = content.letters.iter().position(is_snapshot)
        {
            replaced = content.letters.remove(oldest);
            content.waiting -= 1;
            content.missed += 1;
            content.missed_untold += 1;
        }
        if content.waiting < self.capacity {
            self.put(&mut content, Letter::Snapshot(snapshot.clone()));
        } else {
            content.missed += 1;
            content.missed_untold += 1;
        }
        drop(content);
        self.changed.notify_all();
        // Foreign data may go with it: not under the lock.
        drop(replaced);
    }

    fn put(&self, content: &mut Content, letter: Letter) {
        if !self.is_closed() {
            content.waiting += letter.events();
            content.sent += 1;
            content.letters.push_back((content.sent, letter));
        }
    }

    /// Some events may have been dropped before they came here.
    pub(super) fn look_for_missed(&self) {
        let total = missed_by_all(self.wanted.interest);
        let mut content = self.lock();
        let count = total.saturating_sub(content.missed_by_all);
        if count == 0 {
            return;
        }
        content.missed_by_all = total;
        content.missed += count;
        content.missed_untold += count;
        drop(content);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        let mut content = self.lock();
        self.is_closed.store(true, SeqCst);
        let unread = std::mem::take(&mut content.letters);
        drop(content);
        self.changed.notify_all();
        drop(unread);
    }

    pub(super) fn interest(&self) -> Interest {
        self.wanted.interest
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    pub(super) fn panics(&self) -> u64 {
        self.lock().panics
    }

    /// Waits until all that was put in so far has been read, and the observer knows of all that it has
    /// missed so far; says whether it was.
    pub(super) fn wait_until_read(&self, deadline: Instant) -> bool {
        let mut content = self.lock();
        let (sent, missed) = (content.sent, content.missed);
        loop {
            if content.done >= sent && content.missed - content.missed_untold >= missed {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.is_closed() || left == Duration::ZERO {
                return false;
            }
            let slept = self.changed.wait_timeout(content, left);
            content = slept.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn read_to(&self, observer: impl Observer) {
        let mut content = self.lock();
        while !self.is_closed() {
            let missed = content.missed_untold;
            if missed > 0 {
                drop(content);
                self.call(|| observer.events_missed(missed));
                content = self.lock();
                content.missed_untold -= missed;
                self.changed.notify_all();
            } else if let Some((_, letter)) = content.letters.pop_front() {
                drop(content);
                self.read(&letter, &observer);
                content = self.lock();
                content.waiting -= letter.events();
                // Some that were put in may have been replaced.
                let next = content.letters.front();
                content.done = next.map_or(content.sent, |(number, _)| number - 1);
                self.changed.notify_all();
                // Foreign data may go with it: not under the lock.
                drop(content);
                drop(letter);
                content = self.lock();
            } else {
                let slept = self.changed.wait(content);
                content = slept.unwrap_or_else(PoisonError::into_inner);
            }
        }
        // Foreign code drops the observer: not under the lock.
        drop(content);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(observer)));
        dropped.unwrap_or_else(payload::discard);
    }

    fn read(&self, letter: &Letter, observer: &impl Observer) {
        match letter {
            Letter::Tasks(events, count) => {
                events.read_first(*count, self.wanted, |what, task| {
                    self.call(|| match what {
                        What::Started => observer.task_started(task),
                        What::Ended(_) => observer.task_finished(task),
                        What::OverTime => observer.timebox_exceeded(task),
                    });
                });
            }
            Letter::Snapshot(snapshot) => {
                self.call(|| observer.snapshot_taken(snapshot));
                for suspect in snapshot.suspects() {
                    self.call(|| observer.suspect_found(suspect));
                }
            }
        }
    }

    /// Calls the observer, unless it was removed meanwhile.
    fn call(&self, call: impl FnOnce()) {
        if self.is_closed() {
            return;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            payload::discard(payload);
            let mut content = self.lock();
            content.panics += 1;
            let is_first = content.panics == 1;
            drop(content);
            if is_first {
                crate::note::say("an observer of the task manager panicked; it is called again");
            }
        }
    }
}
