//! One poll that tells what the task waits for.

use super::capture::{self, Captures};
use super::tracing_waker::TracingWaker;
use crate::registry::TaskId;
use crate::registry::inquiry::{self, Answer};
use crate::registry::slot::Slot;
use crate::stack::Addresses;
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
    #[cold]
    #[inline(never)]
    pub(crate) fn begin(slot: &'static Slot, real: &Waker) -> Box<Self> {
        let mut below = Addresses::new();
        if !capture::walk(&mut below) {
            below.clear();
        }
        Box::new(Self {
            slot,
            task: slot.id(),
            last_poll: slot.time_traced_poll(),
            waker: TracingWaker::new(real, Captures::new(&below)),
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
        let answer = Answer::Waits {
            found: self.waker.found().into(),
        };
        inquiry::tell(self.slot, self.task, &answer);
    }
}
