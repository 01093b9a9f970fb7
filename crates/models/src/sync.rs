//! loom's twins of what `src/registry/sync.rs` has.

pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, fence};
pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(crate) use loom::thread::yield_now;
use std::sync::atomic::Ordering::SeqCst;

/// loom takes `SeqCst` accesses for `AcqRel`, but knows what a `SeqCst` fence is.
pub(crate) fn in_total_order() {
    fence(SeqCst);
}
