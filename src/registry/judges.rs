//! Whether anybody is going to judge the tasks that are spawned and polled now.
//!
//! What only a verdict or its report needs (the time of each poll, the exact runtime) is paid for
//! only while a guard is open, or in a binary that is checked at exit.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

static JUDGES: AtomicUsize = AtomicUsize::new(0);

pub(super) fn enter() {
    JUDGES.fetch_add(1, Relaxed);
}

pub(super) fn leave() {
    JUDGES.fetch_sub(1, Relaxed);
}

/// Whether there is one now. A guard that opens at this moment is not missed where it matters: its
/// own tasks are spawned after it.
#[inline]
pub(super) fn any() -> bool {
    JUDGES.load(Relaxed) > 0
}
