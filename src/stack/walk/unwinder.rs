//! Walks by the platform's unwinder, through the `backtrace` crate.
#![allow(unsafe_code)]

use super::stack_pointer::stack_pointer;
use crate::stack::addresses::Addresses;

/// See [`Walker::walk`](super::Walker::walk). Declines only if the unwinder finds nothing.
#[inline(always)]
pub(super) fn walk(addresses: &mut Addresses) -> bool {
    walk_above(stack_pointer(), addresses)
}

/// Appends the frames whose stack pointer is above `inner`, which leaves out the unwinder's own and this module's.
#[inline(never)]
fn walk_above(inner: usize, addresses: &mut Addresses) -> bool {
    let on_frame = |frame: &backtrace::Frame| {
        let sp = frame.sp().addr();
        // A null stack pointer means that the platform does not tell; then keep everything and trim it when read.
        if sp != 0 && sp <= inner {
            return true;
        }
        let ip = frame.ip().addr();
        // Some unwinders report the end of the stack as a frame at address 0.
        ip != 0 && addresses.push(ip)
    };
    #[cfg(unix)]
    // SAFETY: only Windows' dbghelp needs the synchronisation; `_Unwind_Backtrace`, which this is on Unix, may run on
    // any number of threads, panicking ones included.
    unsafe {
        backtrace::trace_unsynchronized(on_frame);
    }
    #[cfg(not(unix))]
    backtrace::trace(on_frame);
    !addresses.as_slice().is_empty()
}
