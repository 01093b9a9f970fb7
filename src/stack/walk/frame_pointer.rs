//! Walks by frame pointers, on targets whose compilers keep them by default: aarch64 Linux and macOS, x86-64 macOS.
//!
//! Each function that calls another has a record of two words on the stack, at its frame pointer: its caller's frame
//! pointer and its return address. The outermost record holds a null frame pointer; a chain that ends otherwise
//! is not believed.
//!
//! A C function that was built without a frame pointer and calls back is missing from such a stack. The `unsafe` here
//! reads a register and the records.
#![allow(unsafe_code)]

use super::bounds;
use crate::stack::addresses::Addresses;

/// The size of a frame record.
const RECORD: usize = 2 * size_of::<usize>();

/// See [`Walker::walk`](super::Walker::walk).
#[inline(always)]
pub(super) fn walk(addresses: &mut Addresses) -> bool {
    let frame_pointer: usize;
    // SAFETY: copies a register, touches nothing else.
    unsafe {
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("mov {}, x29", out(reg) frame_pointer, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, rbp", out(reg) frame_pointer, options(nomem, nostack, preserves_flags));
    }
    let done = walk_from(frame_pointer, addresses);
    // SAFETY: an empty block. The compiler may not drop or move it, which keeps the call above from becoming a tail
    // call: the frame with the first record has to outlive it.
    unsafe {
        std::arch::asm!("", options(nostack, preserves_flags));
    }
    done
}

#[inline(never)]
fn walk_from(mut frame_pointer: usize, addresses: &mut Addresses) -> bool {
    let Some(stack_end) = bounds::stack_end(frame_pointer) else {
        return false;
    };
    while frame_pointer != 0 {
        if !frame_pointer.is_multiple_of(align_of::<usize>()) || frame_pointer > stack_end - RECORD
        {
            return false;
        }
        let record = std::ptr::with_exposed_provenance::<[usize; 2]>(frame_pointer);
        // SAFETY: an aligned record between the frame of `walk`'s caller, which is live, and the end of this thread's
        // stack, so mapped. Volatile, because it belongs to no Rust object.
        let [caller, return_address] = unsafe { record.read_volatile() };
        let return_address = without_signature(return_address);
        if return_address == 0 || !addresses.push(return_address) {
            return true;
        }
        // Callers' frames are further up, or the records are none.
        if caller != 0 && caller <= frame_pointer {
            return false;
        }
        frame_pointer = caller;
    }
    true
}

/// A return address on the stack may carry a pointer authentication code.
#[inline(always)]
fn without_signature(return_address: usize) -> usize {
    #[cfg(target_arch = "aarch64")]
    {
        let stripped: usize;
        // SAFETY: `xpaclri`, by its number among the hints, so that older processors skip it; changes x30 only.
        unsafe {
            std::arch::asm!(
                "hint #7",
                inout("x30") return_address => stripped,
                options(nomem, nostack, preserves_flags)
            );
        }
        stripped
    }
    #[cfg(target_arch = "x86_64")]
    return_address
}
