//! Where a walk starts.
use std::arch::asm;

/// The registers of a frame at a call.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    /// The return address: where the frame goes on after the call.
    pub(super) ip: usize,
    pub(super) sp: usize,
    pub(super) fp: usize,
}

impl Registers {
    /// Those of the function that this is inlined into. It must end with [`keep_frame`].
    #[inline(always)]
    pub(super) fn here() -> Self {
        let (ip, sp, fp);
        // SAFETY: only copies registers. The instruction pointer that `lea` gives is that of the next instruction in this
        // block, so like a return address it is behind an instruction that these registers were true at.
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

/// Stands behind the last use of [`Registers::here`] and keeps it from becoming a tail call: the frame that the
/// registers describe has to outlive it.
#[inline(always)]
pub(super) fn keep_frame() {
    // SAFETY: an empty block, which the compiler may neither drop nor move.
    unsafe {
        asm!("", options(nostack, preserves_flags));
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
