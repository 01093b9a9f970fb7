//! Some of what happened to tasks, one after the other.

use super::task_record::{Moment, TaskRecord};
use crate::registry::events::{self, Event, What};

/// Events as they were taken out of the registry's queue. All observers share it: each makes records
/// of it on its own thread, so that the one thread that takes events out has little to do.
pub(super) struct Batch {
    events: Vec<Event>,
    now: Moment,
}

impl Batch {
    /// Small enough to be read by an observer while it is in the processor's cache, and to be
    /// allocated without a system call.
    const MOST: usize = 256;

    /// The next of the queue, and whether that was all there was; only for the queue's one reader.
    pub(super) fn take() -> (Self, bool) {
        let now = Moment::now();
        let mut events = Vec::new();
        while let Some(event) = events::next() {
            if events.is_empty() {
                events.reserve_exact(Self::MOST);
            }
            events.push(event);
            if events.len() == Self::MOST {
                return (Self { events, now }, false);
            }
        }
        (Self { events, now }, true)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Reads out the first so many.
    pub(super) fn read_first(&self, count: usize, mut read: impl FnMut(What, &TaskRecord)) {
        for event in &self.events[..count] {
            if let Some(task) = TaskRecord::of_event(event, self.now) {
                read(event.what(), &task);
            }
        }
    }
}
