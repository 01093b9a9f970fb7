//! The way in.
use std::panic::Location;

use super::addresses::Addresses;
use super::call_stack::Stack;
use super::interner::INTERNER;
use super::walk::Walker;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
use super::walk::cfi::capture_here;

/// How a stack was captured; for tests and benches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Recognised as one that was walked before, without a walk.
    Replayed,
    /// By the fastest walker of the target.
    Walked,
    /// By the platform's unwinder.
    Unwound,
}

/// Captures the stack of the caller, from the return address into it outwards.
///
/// Keeps the innermost [`MAX_DEPTH`](super::MAX_DEPTH) frames, unresolved. Never panics. Takes a lock and allocates
/// the first two times that it sees a stack, and once a process to learn the loaded modules and once a thread to learn
/// its stack's bounds; a capture started by the allocator or a signal handler during these gives `None`.
///
/// Where the caller is called from many places, `capture_at` finds a known stack more quickly.
#[inline(never)]
#[track_caller]
pub fn capture() -> Option<Stack> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    if let Some((stack, _)) = capture_here(Location::caller()) {
        return Some(stack);
    }
    walk_or_unwind().map(|(stack, _)| stack)
}

/// `capture`, for callers that know which place of a person's code it is for. The location says nothing about the stack
/// that is found, it is only where the search for it begins.
#[inline(never)]
pub fn capture_at(location: &'static Location<'static>) -> Option<Stack> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    if let Some((stack, _)) = capture_here(location) {
        return Some(stack);
    }
    let _ = location;
    walk_or_unwind().map(|(stack, _)| stack)
}

/// `capture`, and how.
#[inline(never)]
#[track_caller]
pub fn capture_and_tell_how() -> Option<(Stack, How)> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    if let Some(captured) = capture_here(Location::caller()) {
        return Some(captured);
    }
    walk_or_unwind()
}

/// Where there is no replaying, or it and its walk declined.
#[inline(always)]
fn walk_or_unwind() -> Option<(Stack, How)> {
    let mut addresses = Addresses::new();
    let how = if cfg!(all(target_os = "linux", target_arch = "x86_64", not(miri)))
        || !Walker::BEST.walk(&mut addresses)
    {
        addresses.clear();
        if !Walker::Unwinder.walk(&mut addresses) {
            return None;
        }
        How::Unwound
    } else {
        How::Walked
    };
    let id = INTERNER.intern(&addresses)?;
    Some((Stack::from_id(id), how))
}
