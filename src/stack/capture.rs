//! The one way in.
use super::addresses::Addresses;
use super::call_stack::Stack;
use super::interner::INTERNER;
use super::slow_path::SlowPath;
use super::walk::Walker;

/// Captures the stack of the caller, from the return address into it outwards.
///
/// Keeps the innermost [`MAX_DEPTH`](super::MAX_DEPTH) frames, unresolved. Never panics. Takes a lock and allocates
/// only for a stack that was not seen before, and once a process to learn the loaded modules and once a thread to
/// learn its stack's bounds; a capture started by the allocator or a signal handler during these gives `None`.
#[inline(never)]
pub fn capture() -> Option<Stack> {
    let mut addresses = Addresses::new();
    if !Walker::BEST.walk(&mut addresses) {
        addresses.clear();
        if !Walker::Unwinder.walk(&mut addresses) {
            return None;
        }
    }
    let id = match INTERNER.find(&addresses) {
        Some(id) => id,
        None => {
            let _slow_path = SlowPath::enter()?;
            INTERNER.insert(&addresses)?
        }
    };
    Some(Stack::from_id(id))
}
