//! The buffer that a walk fills.
//!
//! The `unsafe` here leaves a kilobyte of stack uninitialised until a walker writes to it: clearing it would cost as
//! much as walking it.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::MaybeUninit;

/// How many frames a captured stack keeps: the innermost ones. Frames further out are cut off.
pub const MAX_DEPTH: usize = 128;

/// The return addresses of a stack, innermost first, and their hash.
pub struct Addresses {
    pub(super) buffer: [MaybeUninit<usize>; MAX_DEPTH],
    // Invariant: the first `len` elements of `buffer` are initialised, and `len <= MAX_DEPTH`.
    pub(super) len: usize,
    pub(super) hash: u64,
}

/// Multiplier of the rolling hash: 2^64 divided by the golden ratio, made odd.
pub(super) const HASH_MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Rotation of the rolling hash, so that the order of the frames counts.
pub(super) const HASH_ROTATION: u32 = 23;

impl Addresses {
    /// An empty buffer.
    #[inline(always)]
    pub const fn new() -> Self {
        Self {
            // The block makes it a constant, without which a debug build fills the array in a loop.
            buffer: const { [MaybeUninit::uninit(); MAX_DEPTH] },
            len: 0,
            hash: 0,
        }
    }

    /// Appends one return address; false when the buffer is full.
    #[inline]
    pub fn push(&mut self, address: usize) -> bool {
        let Some(slot) = self.buffer.get_mut(self.len) else {
            return false;
        };
        slot.write(address);
        self.len += 1;
        self.hash = (self.hash ^ address as u64)
            .wrapping_mul(HASH_MULTIPLIER)
            .rotate_left(HASH_ROTATION);
        true
    }

    /// Forgets all addresses.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
        self.hash = 0;
    }

    /// The addresses, innermost frame first.
    #[inline]
    pub fn as_slice(&self) -> &[usize] {
        // SAFETY: `len` counts the initialised elements at the front of `buffer`; `push` and the walkers of this
        // module's children, the only writers of `len`, keep it so.
        unsafe { std::slice::from_raw_parts(self.buffer.as_ptr().cast::<usize>(), self.len) }
    }

    /// A hash of the addresses in their order, the same whichever walker found them.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl Default for Addresses {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
