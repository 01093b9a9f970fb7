//! Some of what happened to tasks, one after the other.

use super::interest::Interest;
use super::task_record::{Moment, TaskRecord};
use crate::registry::events::{self, Event, What};

/// Events as they were taken out of the registry's queue. All observers share it: each makes records
/// of it on its own thread, so that the one thread that takes events out has little to do.
pub(super) struct Batch {
    events: Vec<Event>,
    now: Moment,
    /// The number of the first event; the others follow one by one.
    first: u64,
    starts: usize,
    ends: usize,
}

/// What one observer is told.
#[derive(Clone, Copy)]
pub(super) struct Subscription {
    pub(super) interest: Interest,
    /// Not of events that have a lower number: they happened before it was added.
    pub(super) since: u64,
}

impl Batch {
    /// Small enough to be read by an observer while it is in the processor's cache, and to be
    /// allocated without a system call.
    const MOST: usize = 256;

    /// The next of the queue, and whether that was all there was; only for the queue's one reader.
    pub(super) fn take() -> (Self, bool) {
        let mut batch = Self {
            events: Vec::new(),
            now: Moment::now(),
            first: events::next_number(),
            starts: 0,
            ends: 0,
        };
        while let Some(event) = events::next() {
            if batch.events.is_empty() {
                batch.events.reserve_exact(Self::MOST);
            }
            match event.what() {
                What::Started => batch.starts += 1,
                What::Ended(_) => batch.ends += 1,
                What::OverTime => {}
            }
            batch.events.push(event);
            if batch.events.len() == Self::MOST {
                return (batch, false);
            }
        }
        (batch, true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many of the events an observer is to be told.
    pub(super) fn count(&self, wanted: Subscription) -> usize {
        if self.first < wanted.since {
            return self.wanted(wanted).count();
        }
        let unwanted_starts = if wanted.interest.starts {
            0
        } else {
            self.starts
        };
        let unwanted_ends = if wanted.interest.ends { 0 } else { self.ends };
        self.events.len() - unwanted_starts - unwanted_ends
    }

    /// Reads out the first so many of those that an observer is to be told.
    pub(super) fn read_first(
        &self,
        count: usize,
        wanted: Subscription,
        mut read: impl FnMut(What, &TaskRecord),
    ) {
        for event in self.wanted(wanted).take(count) {
            if let Some(task) = TaskRecord::of_event(event, self.now) {
                read(event.what(), &task);
            }
        }
    }

    fn wanted(&self, wanted: Subscription) -> impl Iterator<Item = &Event> {
        let before = wanted.since.saturating_sub(self.first);
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let later = self.events.iter().skip(before);
        later.filter(move |event| match event.what() {
            What::Started => wanted.interest.starts,
            What::Ended(_) => wanted.interest.ends,
            What::OverTime => true,
        })
    }
}
