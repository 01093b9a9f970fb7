//! One poll that tells what the task waits for.

use super::capture::{Captures, Outer};
use super::tracing_waker::TracingWaker;
use crate::registry::TaskId;
use crate::registry::inquiry::{self, Answer};
use crate::registry::slot::Slot;
use std::task::Waker;

/// A poll of a task that somebody asked.
pub(crate) struct TracedPoll {
    slot: &'static Slot,
    task: TaskId,
    waker: TracingWaker,
    /// When the task was polled last, which this poll does not count as.
    last_poll: u64,
}

impl TracedPoll {
    /// To be called from the very function that polls the future next, with the returned waker.
    #[inline(always)]
    pub(crate) fn begin(slot: &'static Slot, real: &Waker) -> Box<Self> {
        Self::above(Outer::here(), slot, real)
    }

    #[cold]
    #[inline(never)]
    fn above(outer: Outer, slot: &'static Slot, real: &Waker) -> Box<Self> {
        Box::new(Self {
            slot,
            task: slot.id(),
            last_poll: slot.time_traced_poll(),
            waker: TracingWaker::new(real, Captures::new(outer), outer),
        })
    }

    pub(crate) fn waker(&self) -> &Waker {
        self.waker.waker()
    }

    /// The poll came back and the task waits. To be called when the task's record says so too: who
    /// asked looks at once. Of a task that ended its end tells.
    #[cold]
    #[inline(never)]
    #[allow(clippy::boxed_local, reason = "nobody has it but in a box")]
    pub(crate) fn pending(self: Box<Self>) {
        self.slot.end_traced_poll(self.last_poll);
        let some_took = self.waker.was_taken();
        let answer = Answer::Waits {
            found: self.waker.found(),
            some_took,
        };
        inquiry::tell(self.slot, self.task, &answer);
    }
}
