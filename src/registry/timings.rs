//! Whether anybody but a judge wants to know when tasks are first polled, which takes a look at the clock.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

static WANTED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn want() {
    WANTED.fetch_add(1, Relaxed);
}

pub(crate) fn release() {
    WANTED.fetch_sub(1, Relaxed);
}

#[inline]
pub(super) fn wanted() -> bool {
    WANTED.load(Relaxed) > 0
}
