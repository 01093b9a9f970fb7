//! One poll that tells what the task waits for.

use super::capture::{self, Captures};
use super::tracing_waker::TracingWaker;
use crate::registry::TaskId;
use crate::registry::inquiry::{self, Answer};
use crate::registry::slot::Slot;
use crate::stack::Addresses;
use std::task::Waker;

/// A poll of a task that somebody asked. If it is dropped before it [`returned`](Self::returned), the
/// task panicked.
pub(crate) struct TracedPoll {
    slot: &'static Slot,
    task: TaskId,
    waker: Option<TracingWaker>,
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
            waker: Some(TracingWaker::new(real, Captures::new(&below))),
        })
    }

    pub(crate) fn waker(&self) -> &Waker {
        self.waker
            .as_ref()
            .expect("only `returned` takes the waker, and it takes all")
            .waker()
    }

    /// The poll came back; `completed` says that the task is done.
    #[cold]
    #[inline(never)]
    pub(crate) fn returned(mut self: Box<Self>, completed: bool) {
        let Some(waker) = self.waker.take() else {
            return;
        };
        let captures = waker.into_captures();
        let answer = if completed {
            Answer::Ended
        } else {
            Answer::Waits {
                found: captures.found().into(),
                is_cut_off: captures.is_full(),
            }
        };
        inquiry::tell(self.slot, self.task, &answer);
    }
}

impl Drop for TracedPoll {
    fn drop(&mut self) {
        if self.waker.is_some() {
            inquiry::tell(self.slot, self.task, &Answer::Ended);
        }
    }
}
