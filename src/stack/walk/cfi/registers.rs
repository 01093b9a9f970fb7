//! Where a walk starts.
#![allow(unsafe_code)]

use std::arch::asm;

use crate::stack::walk::bounds;

/// The registers of a frame at a call.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    /// The return address: where the frame goes on after the call.
    pub(super) ip: usize,
    pub(super) sp: usize,
    pub(super) fp: usize,
}

/// A place to walk from.
pub(super) struct Start {
    // Invariant: those of a live frame of this thread; `here` has its callers see to it.
    pub(super) registers: Registers,
    // Invariant: the end of the stack that the stack pointer is in. From the one to the other the memory is mapped,
    // because a stack is in use from its stack pointer upwards.
    pub(super) stack_end: usize,
}

impl Registers {
    /// Those of the function that this is inlined into.
    ///
    /// # Safety
    ///
    /// They may not be used after that function returned, and it must call [`keep_frame`] after their last use.
    #[inline(always)]
    pub(super) unsafe fn here() -> Self {
        let (ip, sp, fp);
        // SAFETY: only copies registers. The instruction pointer that `lea` gives is that of the next instruction in
        // this block, so like a return address it is behind an instruction that these registers were true at.
        unsafe {
            asm!(
                "lea {ip}, [rip]",
                "mov {sp}, rsp",
                "mov {fp}, rbp",
                ip = out(reg) ip,
                sp = out(reg) sp,
                fp = out(reg) fp,
                options(nomem, nostack, preserves_flags),
            );
        }
        Self { ip, sp, fp }
    }
}

/// Keeps the last use of [`Registers::here`], which is before it, from becoming a tail call: the frame that the
/// registers describe has to outlive it.
#[inline(always)]
pub(super) fn keep_frame() {
    // SAFETY: an empty block, which the compiler may neither drop nor move.
    unsafe {
        asm!("", options(nostack, preserves_flags));
    }
}

impl Start {
    /// `None` if these registers are not on the thread's own stack.
    pub(super) fn at(registers: &Registers) -> Option<Self> {
        Some(Self {
            registers: *registers,
            stack_end: bounds::stack_end(registers.sp)?,
        })
    }
}

/// Reads a word of a stack.
///
/// # Safety
///
/// The word must be aligned and mapped.
#[inline(always)]
pub(super) unsafe fn read_word(address: usize) -> usize {
    let word;
    // SAFETY: the caller says that the word is there. Not a Rust load, because it belongs to no Rust object.
    unsafe {
        asm!("mov {}, [{}]", out(reg) word, in(reg) address, options(nostack, preserves_flags, readonly));
    }
    word
}
