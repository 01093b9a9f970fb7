//! What the lock-free parts of the registry are built from. The models in `crates/models` compile
//! those parts with loom's twins of these in place.

pub(super) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, fence};
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::thread::yield_now;

/// Stands between a `SeqCst` write and a `SeqCst` read of another atomic, where each of two threads
/// must not miss the other's write. The accesses themselves see to that, so nothing is left to do;
/// loom, which takes them for `AcqRel`, is told by a fence.
#[inline]
pub(super) fn in_total_order() {}
