//! A task being the current one: while it is polled, or while its future is dropped.

use super::local::{self, Local};
use super::slot::{Begun, Slot, flag};
use super::{clock, current, pollers, timings, tokio_ids};
use std::marker::PhantomData;

/// Makes a task the current one for one poll (or for the run of a blocking closure). The caller
/// says [`Entered::returned`] when it came back; if it does not, the task panicked.
///
/// Only for who has the task's future in its hands, and so knows that the task's entry lives.
#[inline]
pub(crate) fn enter(slot: &'static Slot) -> (Entered, Begun) {
    let begun = slot.begin_poll();
    (enter_drop(slot), begun)
}

/// Notes that a poll of a task begins whose first one it may be.
#[cfg(tokio_unstable)]
pub(super) fn begin_poll(slot: &'static Slot) {
    if slot.begin_poll() == Begun::First && timings::wanted() {
        time_first(slot);
    }
}

#[inline(never)]
fn time_first(slot: &'static Slot) {
    slot.time_first_poll(clock::now());
}

/// Notes what is to be known of a task from its first poll on, which has begun on this thread.
#[inline]
pub(crate) fn first_poll_begins(slot: &'static Slot) {
    let noted = local::with(|local| note_first_poll(Some(local), slot));
    noted.unwrap_or_else(|| note_first_poll(None, slot));
}

/// Whether nothing is to be noted of a first poll but its task's number.
#[inline(always)]
pub(crate) fn is_usual_poll(local: &Local, slot: &'static Slot) -> bool {
    pollers::is_noted(local, slot.runtime_index()) && !timings::wanted()
}

/// Notes what tokio calls the task that is polled for the first time.
#[inline(always)]
pub(crate) fn note_number(slot: &'static Slot) {
    slot.set_tokio_id(tokio_ids::current_task().unwrap_or(0));
}

/// The same with what the thread keeps, if it is there.
#[inline(always)]
pub(crate) fn note_first_poll(local: Option<&Local>, slot: &'static Slot) {
    if timings::wanted() {
        time_first(slot);
    }
    if let Some(local) = local {
        pollers::note(local, slot.runtime_index());
    }
    note_number(slot);
}

/// The same for a poll by a guard, which does not count as one of the task's.
pub(crate) fn enter_assisted(slot: &'static Slot) -> Entered {
    slot.begin_assisted_poll();
    enter_drop(slot)
}

/// Makes a task the current one while its future is dropped. For the same callers.
#[inline]
pub(crate) fn enter_drop(slot: &'static Slot) -> Entered {
    Entered {
        outer: current::swap_task(Some(slot)),
        slot,
        _not_send: PhantomData,
    }
}

/// While it lives, the task is the current one.
pub(crate) struct Entered {
    slot: &'static Slot,
    outer: Option<&'static Slot>,
    _not_send: PhantomData<*const ()>,
}

impl Entered {
    /// The poll came back; `completed` says that the task is done.
    #[inline]
    pub(crate) fn returned(self, completed: bool) {
        self.slot
            .set_flags(if completed { flag::COMPLETED } else { 0 }, flag::POLLING);
        self.abandon();
    }

    /// The task's record may have ended meanwhile: only what was current before is put back.
    #[inline]
    pub(crate) fn abandon(self) {
        current::swap_task(self.outer);
        std::mem::forget(self);
    }
}

impl Drop for Entered {
    /// Reached without [`Entered::returned`] or [`Entered::abandon`] when the task's poll panics, and when
    /// the destructor of its future does: that is how it ended then, whatever had become of it before.
    #[cold]
    fn drop(&mut self) {
        const OTHERWISE: u32 = flag::POLLING | flag::COMPLETED | flag::SHUT_DOWN;
        current::swap_task(self.outer);
        self.slot.set_flags(flag::PANICKED, OTHERWISE);
    }
}
