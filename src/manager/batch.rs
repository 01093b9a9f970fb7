//! Some of what happened to tasks, one after the other.

use super::interest::Interest;
use super::task_record::{Moment, TaskRecord};
use crate::registry::events::{self, Event, What};
use std::sync::Arc;

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
        let mut batch = Self::beginning(events::next_number(), Moment::now());
        while let Some(event) = events::next() {
            if batch.events.is_empty() {
                batch.events.reserve_exact(Self::MOST);
            }
            batch.push(event);
            if batch.events.len() == Self::MOST {
                return (batch, false);
            }
        }
        // It may lie in mailboxes for long, and most of them are small.
        batch.events.shrink_to_fit();
        (batch, true)
    }

    fn beginning(first: u64, now: Moment) -> Self {
        Self {
            events: Vec::new(),
            now,
            first,
            starts: 0,
            ends: 0,
        }
    }

    fn push(&mut self, event: Event) {
        match event.what() {
            What::Started => self.starts += 1,
            What::Ended(_) => self.ends += 1,
            What::OverTime => {}
        }
        self.events.push(event);
    }

    /// What an observer keeps until it is told the first so many of those that are for it. Observers
    /// share a batch as long as it is mostly theirs: what lies in a mailbox is at most twice what
    /// it is counted as.
    pub(super) fn kept_for(self: &Arc<Self>, count: usize, wanted: Subscription) -> Arc<Self> {
        if 2 * count >= self.events.len() {
            return self.clone();
        }
        let mut own = Self::beginning(self.first.max(wanted.since), self.now);
        own.events.reserve_exact(count);
        let some = self.wanted(wanted).take(count);
        some.for_each(|event| own.push(event.clone()));
        Arc::new(own)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::events::tests::event;
    use pretty_assertions::assert_eq;

    /// Every eighth of these is the end of a task.
    fn mostly_starts() -> Arc<Batch> {
        let mut batch = Batch::beginning(0, Moment::now());
        (1..=Batch::MOST).for_each(|number| batch.push(event(number % 8 != 0)));
        Arc::new(batch)
    }

    fn subscription(interest: Interest) -> Subscription {
        Subscription { interest, since: 0 }
    }

    #[test]
    fn who_wants_little_of_a_batch_keeps_no_more() {
        let batch = mostly_starts();
        for (wanted, count) in [
            (subscription(Interest::all().without_starts()), 32),
            // There is room for one more in the mailbox.
            (subscription(Interest::all()), 1),
        ] {
            let kept = batch.kept_for(count, wanted);
            assert_eq!(kept.events.capacity(), count);
            assert_eq!(kept.count(wanted), count);
        }
    }

    #[test]
    fn who_wants_most_of_a_batch_shares_it() {
        let batch = mostly_starts();
        let wanted = subscription(Interest::all().without_ends());
        let kept = batch.kept_for(batch.count(wanted), wanted);
        assert!(Arc::ptr_eq(&kept, &batch));
    }

    #[test]
    fn what_was_before_an_observer_is_not_kept_for_it() {
        let batch = mostly_starts();
        let wanted = Subscription {
            interest: Interest::all(),
            since: 250,
        };
        let kept = batch.kept_for(batch.count(wanted), wanted);
        assert_eq!(kept.events.len(), 6);
        assert_eq!(kept.count(wanted), 6);
    }
}
