//! Whether anybody watches the tasks that are spawned and polled now.
//!
//! What only a verdict or its report needs (the time of each poll, the exact runtime) is paid for
//! only while a guard is open, or in a binary that is checked at exit; and only while somebody wants
//! to know what tasks wait for does a poll look whether its task is asked. All of it is in one word
//! ([`attention`]), so that a poll that nobody watches looks once.

use super::attention::{self, Attention, One};

/// Who watched at one moment.
#[derive(Clone, Copy)]
pub(super) struct Watch(Attention);

impl Watch {
    /// Whether anybody does.
    #[inline(always)]
    pub(super) fn is_kept(self) -> bool {
        self.0.is_drawn_to_polls()
    }

    pub(super) fn is_judged(self) -> bool {
        self.0.has_judges()
    }

    pub(super) fn is_traced(self) -> bool {
        self.0.has_traces()
    }
}

#[inline(always)]
pub(super) fn watch() -> Watch {
    Watch(attention::now())
}

pub(super) fn enter() {
    attention::enter(One::Judge);
}

pub(super) fn leave() {
    attention::leave(One::Judge);
}

/// Whether there is a judge now. A guard that opens at this moment is not missed where it matters:
/// its own tasks are spawned after it.
#[inline]
pub(crate) fn any() -> bool {
    watch().is_judged()
}

/// While it lives, polls look whether their task is to be traced. A poll that is caused by a wake
/// after it was made does so for certain.
#[derive(Debug)]
pub(crate) struct Tracing(());

impl Tracing {
    pub(crate) fn begin() -> Self {
        attention::enter(One::Trace);
        Self(())
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        attention::leave(One::Trace);
    }
}
