//! Whether anybody watches the tasks that are spawned and polled now.
//!
//! What only a verdict or its report needs (the time of each poll, the exact runtime) is paid for
//! only while a guard is open, or in a binary that is checked at exit; and only while somebody wants
//! to know what tasks wait for does a poll look whether its task is asked. All of it is in one word,
//! so that a poll that nobody watches looks once.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// How many judges there are, in the low half, and how many who want traces, in the high one.
static WATCHERS: AtomicU64 = AtomicU64::new(0);

const TRACE: u64 = 1 << 32;

/// Who watched at one moment.
#[derive(Clone, Copy)]
pub(super) struct Watch(u64);

impl Watch {
    /// Whether anybody does.
    #[inline]
    pub(super) fn is_kept(self) -> bool {
        self.0 != 0
    }

    pub(super) fn is_judged(self) -> bool {
        !self.0.is_multiple_of(TRACE)
    }

    pub(super) fn is_traced(self) -> bool {
        self.0 >= TRACE
    }
}

#[inline]
pub(super) fn watch() -> Watch {
    Watch(WATCHERS.load(Relaxed))
}

pub(super) fn enter() {
    WATCHERS.fetch_add(1, Relaxed);
}

pub(super) fn leave() {
    WATCHERS.fetch_sub(1, Relaxed);
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
        WATCHERS.fetch_add(TRACE, Relaxed);
        Self(())
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        WATCHERS.fetch_sub(TRACE, Relaxed);
    }
}
