//! The allocator.
//!
//! The `unsafe` here is that of `GlobalAlloc`: every call is passed on to the allocator inside, as it came.
#![allow(unsafe_code)]

use super::cell;
use super::sites::SITES;
use super::turn::Turn;
use crate::registry::spawner;
use crate::stack;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// A global allocator that keeps the spawn backtraces of tasks that nobody tracked.
///
/// It passes everything on to the allocator inside. While a guard or a `#[leak_test]` is open (or
/// `TASKLEAK_BACKTRACE=always` is set), it notes the call stack of each block that can be a tokio task, by its
/// alignment and size: so a report can say who spawned a task in a dependency. It costs other allocations one
/// comparison.
///
/// For test binaries: one line at the root of a file in `tests/`, or below `#[cfg(test)]` at the root of the crate. Up
/// to some 200 000 live tasks are noted; beyond that, and for tasks that were spawned before the guard was opened,
/// there is no backtrace.
///
/// # Examples
///
/// ```
/// use taskleak::alloc::SpawnSites;
///
/// #[global_allocator]
/// static ALLOCATOR: SpawnSites = SpawnSites::system();
/// # fn main() {}
/// ```
///
/// Around another allocator:
///
/// ```
/// # use std::alloc::System as OtherAllocator;
/// use taskleak::alloc::SpawnSites;
///
/// #[global_allocator]
/// static ALLOCATOR: SpawnSites<OtherAllocator> = SpawnSites::new(OtherAllocator);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpawnSites<A = System> {
    inner: A,
}

/// Whether such an allocator has been asked for a block that can be a task.
static IN_PLACE: AtomicBool = AtomicBool::new(false);
/// Whether a block has ever been noted: until then there is none to forget.
static HAS_NOTED: AtomicBool = AtomicBool::new(false);

/// Whether the process allocates by such an allocator, as far as could be seen.
#[inline]
pub(crate) fn is_in_place() -> bool {
    IN_PLACE.load(Relaxed)
}

impl SpawnSites {
    /// Around the allocator of the system, which Rust takes by default.
    ///
    /// # Examples
    ///
    /// ```
    /// #[global_allocator]
    /// static ALLOCATOR: taskleak::alloc::SpawnSites = taskleak::alloc::SpawnSites::system();
    /// # fn main() {}
    /// ```
    pub const fn system() -> Self {
        Self::new(System)
    }
}

impl<A> SpawnSites<A> {
    /// Around another allocator.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::alloc::System;
    ///
    /// let allocator = taskleak::alloc::SpawnSites::new(System);
    /// ```
    pub const fn new(inner: A) -> Self {
        Self { inner }
    }
}

/// Notes who allocated the block, if it can be a task and somebody wants to know.
///
/// Never unwinds: the capture does not panic, and were it to, the process ends here rather than in whoever
/// allocates. What the capture itself allocates is not aligned like a task, so it does not come back here.
#[inline(never)]
extern "C" fn note(block: *mut u8, size: usize) {
    if !is_in_place() {
        IN_PLACE.store(true, Relaxed);
    }
    if block.is_null() || !spawner::backtraces_are_wanted() || !cell::can_be_a_task(size) {
        return;
    }
    if Turn::is_tracked() {
        return;
    }
    if let Some(stack) = stack::capture() {
        if !HAS_NOTED.load(Relaxed) {
            // Before the block can get to a thread that frees it.
            HAS_NOTED.store(true, Relaxed);
        }
        SITES.insert(block.addr(), stack);
    }
}

/// Forgets a block that is about to be given back.
#[inline]
fn forget(block: *mut u8) {
    if HAS_NOTED.load(Relaxed) {
        SITES.remove(block.addr());
    }
}

// SAFETY: every method returns what `A` returns for the same arguments, and `A` keeps the contract. Around that,
// `note` and `forget` read the block's address and never the block; neither unwinds, and neither frees or keeps
// memory of `A`'s. What `note` allocates (the records of stacks) comes back into `alloc` with a smaller alignment
// than it looks for, so it ends there.
unsafe impl<A: GlobalAlloc> GlobalAlloc for SpawnSites<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps `GlobalAlloc::alloc`'s contract, which is the same for `A`.
        let block = unsafe { self.inner.alloc(layout) };
        if layout.align() >= cell::ALIGN {
            note(block, layout.size());
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.align() >= cell::ALIGN {
            forget(block);
        }
        // SAFETY: the block came from `A` with this layout, since `alloc`, `alloc_zeroed` and `realloc` return
        // `A`'s blocks; the caller sees to the rest.
        unsafe { self.inner.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // No task: those are moved into their blocks.
        // SAFETY: the caller keeps `GlobalAlloc::alloc_zeroed`'s contract, which is the same for `A`.
        unsafe { self.inner.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // No task either: those never change their size. But another block may have been noted.
        if layout.align() >= cell::ALIGN {
            forget(block);
        }
        // SAFETY: as in `dealloc`; the caller sees to the new size.
        unsafe { self.inner.realloc(block, layout, size) }
    }
}
