//! Keeping tasks from ending while somebody looks at their memory.
//!
//! A task's header, tokio's, is there as long as the task's future, and the future as long as its
//! [`Entry`](super::Entry). So whoever pins the slot, and then still finds the task in it, may read
//! the header until it unpins the slot: the entry's drop waits for that. It waits for moments only,
//! because nothing is done with a pinned task but reading its header and counting up its references.

use super::TaskId;
use super::fence;
use super::inquiry;
use super::slot::{Reading, Slot, request};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, PoisonError};

/// Who pins, one at a time: a slot counts no pins.
static PINNING: Mutex<()> = Mutex::new(());

/// So many at once: a few microseconds of work.
const BATCH: usize = 256;

/// Unpins what was pinned, also if a reader panics.
struct Pinned<'a>(&'a [Reading]);

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        for task in self.0 {
            // Pairs with the load in `end_requests`: what was read was read before.
            task.slot.requests.fetch_and(!request::PINNED, Release);
        }
    }
}

/// Calls `read` with the header of each task that is still alive and whose header is known, in
/// turn. The header is there until `read` returns. `read` must not block, nor end tasks.
pub(crate) fn with_headers(tasks: &[Reading], mut read: impl FnMut(&Reading, NonNull<()>)) {
    let _one_at_a_time = PINNING.lock().unwrap_or_else(PoisonError::into_inner);
    for batch in tasks.chunks(BATCH) {
        let pinned = Pinned(batch);
        for task in pinned.0 {
            task.slot.requests.fetch_or(request::PINNED, Relaxed);
        }
        // Pairs with the light fence in `end_requests`: either it sees the pin, or
        // `still_alive` sees that the task has left.
        if !fence::heavy() {
            return;
        }
        for task in pinned.0 {
            // Acquire: what tokio wrote into the header before the task's first poll is seen.
            let header = NonNull::new(task.slot.header.load(Acquire));
            if let Some(header) = header
                && task.still_alive()
            {
                read(task, header);
            }
        }
    }
}

impl Slot {
    /// Notes where tokio's header of the task is. Only who polls the task may, and only if the header
    /// is in one allocation with the task's [`Entry`](super::Entry).
    pub(crate) fn set_header(&self, header: *const ()) {
        self.header.store(header.cast_mut(), Release);
    }

    /// Sees, after the slot was vacated, to those who look at the task's memory or ask the task: waits
    /// for the former, tells the latter.
    #[inline]
    pub(super) fn end_requests(&'static self, task: TaskId) {
        if self.has_requests() {
            self.end_requests_of(task);
        }
    }

    /// Whether there is anybody to see to, after the slot was vacated.
    #[inline(always)]
    pub(super) fn has_requests(&'static self) -> bool {
        fence::light();
        self.requests.load(Acquire) != 0
    }

    #[cold]
    pub(super) fn end_requests_of(&'static self, task: TaskId) {
        // Pairs with the release when it is unpinned: what was read was read before.
        while self.requests.load(Acquire) & request::PINNED != 0 {
            std::thread::yield_now();
        }
        if self.is_wanted() {
            inquiry::tell(self, task, &inquiry::Answer::Ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::spawner::Spec;
    use crate::registry::{Entry, TaskKind};
    use std::panic::Location;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::SeqCst;

    static HEADER: u8 = 0;

    /// A task with a header that is none. It is never polled, so that nobody else looks at it.
    #[track_caller]
    fn begin() -> (Entry, Reading) {
        let spec = Spec::new(TaskKind::Task, Location::caller(), "test");
        let entry = Entry::begin(spec, |_| None);
        entry.slot().set_header((&raw const HEADER).cast());
        let task = entry.slot().read().expect("it lives");
        (entry, task)
    }

    #[test]
    fn a_task_that_is_looked_at_does_not_end() {
        let (entry, task) = begin();
        let (mut entry, has_ended) = (Some(entry), &AtomicBool::new(false));
        std::thread::scope(|scope| {
            with_headers(&[task], |task, _| {
                let entry = entry.take();
                scope.spawn(move || {
                    drop(entry);
                    has_ended.store(true, SeqCst);
                });
                while task.still_alive() {
                    std::thread::yield_now();
                }
                (0..1000).for_each(|_| std::thread::yield_now());
                assert!(!has_ended.load(SeqCst));
            });
        });
        assert!(entry.is_none() && has_ended.load(SeqCst));
    }

    #[test]
    fn one_that_has_ended_is_not_looked_at_nor_is_who_has_its_slot() {
        let (entry, task) = begin();
        drop(entry);
        with_headers(&[task], |_, _| panic!("it has ended"));
        let next = std::iter::repeat_with(begin).take(64).collect::<Vec<_>>();
        assert!(
            next.iter()
                .any(|(_, next)| next.slot.index() == task.slot.index())
        );
        with_headers(&[task], |_, _| panic!("it is another one"));
    }
}
