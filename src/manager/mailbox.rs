//! What one observer has yet to be told, and the thread that tells it.

use super::observer::Observer;
use super::snapshot::Snapshot;
use super::task_record::TaskRecord;
use crate::registry::events::What;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone)]
pub(super) enum Letter {
    Task(What, Arc<TaskRecord>),
    /// With its suspects.
    Snapshot(Arc<Snapshot>),
}

#[derive(Default)]
struct Content {
    letters: VecDeque<Letter>,
    /// How many letters were ever put in, and how many were read or dropped.
    sent: u64,
    done: u64,
    missed: u64,
    /// Missed, and the observer does not know.
    missed_untold: u64,
    panics: u64,
    is_closed: bool,
}

/// Bounded: who puts something in never waits.
pub(super) struct Mailbox {
    content: Mutex<Content>,
    changed: Condvar,
    capacity: usize,
}

impl Mailbox {
    fn new(capacity: usize) -> Self {
        Self {
            content: Mutex::new(Content::default()),
            changed: Condvar::new(),
            capacity,
        }
    }

    /// A mailbox and the thread that reads it to the observer.
    pub(super) fn open(observer: impl Observer, capacity: usize) -> std::io::Result<Arc<Self>> {
        let mailbox = Arc::new(Self::new(capacity));
        let reader = mailbox.clone();
        std::thread::Builder::new()
            .name("taskleak-observer".to_owned())
            .spawn(move || reader.read_to(observer))?;
        Ok(mailbox)
    }

    /// One that nobody reads.
    pub(super) fn closed() -> Arc<Self> {
        let mailbox = Self::new(0);
        mailbox.lock().is_closed = true;
        Arc::new(mailbox)
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts letters in, as many as there is room for.
    pub(super) fn send(&self, letters: &[Letter]) {
        let mut content = self.lock();
        if content.is_closed {
            return;
        }
        let room = self.capacity.saturating_sub(content.letters.len());
        let fitting = &letters[..room.min(letters.len())];
        content.letters.extend(fitting.iter().cloned());
        content.sent += fitting.len() as u64;
        let missed = (letters.len() - fitting.len()) as u64;
        content.missed += missed;
        content.missed_untold += missed;
        drop(content);
        self.changed.notify_all();
    }

    /// Events were dropped before they came here.
    pub(super) fn miss(&self, count: u64) {
        let mut content = self.lock();
        content.missed += count;
        content.missed_untold += count;
        drop(content);
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        let mut content = self.lock();
        content.is_closed = true;
        let unread = std::mem::take(&mut content.letters);
        drop(content);
        self.changed.notify_all();
        drop(unread);
    }

    pub(super) fn missed(&self) -> u64 {
        self.lock().missed
    }

    pub(super) fn panics(&self) -> u64 {
        self.lock().panics
    }

    /// Waits until all that was put in so far has been read; says whether it was.
    pub(super) fn wait_until_read(&self, deadline: Instant) -> bool {
        let mut content = self.lock();
        let sent = content.sent;
        loop {
            if content.done >= sent && content.missed_untold == 0 {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if content.is_closed || left == Duration::ZERO {
                return false;
            }
            let slept = self.changed.wait_timeout(content, left);
            content = slept.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn read_to(&self, observer: impl Observer) {
        let mut content = self.lock();
        loop {
            if content.is_closed {
                // Foreign code drops the observer: not under the lock.
                drop(content);
                let _ = catch_unwind(AssertUnwindSafe(|| drop(observer)));
                return;
            }
            let missed = content.missed_untold;
            if missed > 0 {
                drop(content);
                self.call(|| observer.events_missed(missed));
                content = self.lock();
                content.missed_untold -= missed;
                self.changed.notify_all();
            } else if let Some(letter) = content.letters.pop_front() {
                drop(content);
                match &letter {
                    Letter::Task(What::Started, task) => self.call(|| observer.task_started(task)),
                    Letter::Task(What::Ended(_), task) => {
                        self.call(|| observer.task_finished(task))
                    }
                    Letter::Task(What::OverTime, task) => {
                        self.call(|| observer.timebox_exceeded(task));
                    }
                    Letter::Snapshot(snapshot) => {
                        self.call(|| observer.snapshot_taken(snapshot));
                        for suspect in snapshot.suspects() {
                            self.call(|| observer.suspect_found(suspect));
                        }
                    }
                }
                drop(letter);
                content = self.lock();
                content.done += 1;
                if content.letters.is_empty() {
                    self.changed.notify_all();
                }
            } else {
                let slept = self.changed.wait(content);
                content = slept.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Calls the observer, unless it was removed meanwhile.
    fn call(&self, call: impl FnOnce()) {
        if self.lock().is_closed {
            return;
        }
        if catch_unwind(AssertUnwindSafe(call)).is_err() {
            let mut content = self.lock();
            content.panics += 1;
            let is_first = content.panics == 1;
            drop(content);
            if is_first {
                crate::report::note("an observer of the task manager panicked; it is called again");
            }
        }
    }
}
