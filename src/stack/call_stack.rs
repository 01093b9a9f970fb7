//! A captured stack.
use std::fmt;
use std::num::NonZeroU32;

use super::frame::Frame;
use super::interner::{INTERNER, Record};
use super::{symbols, trim};

/// An interned call stack: two stacks are equal exactly if their return addresses are.
///
/// Four bytes, and so is `Option<Stack>`. What it stands for is kept until the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stack(
    // Invariant: the interner has a record of this id.
    NonZeroU32,
);

impl Stack {
    pub(super) fn from_id(id: NonZeroU32) -> Self {
        Self(id)
    }

    /// The stack of these return addresses. Takes a lock and allocates if it is a new one; `None` as of
    /// [`capture`](super::capture).
    pub fn of(addresses: &super::Addresses) -> Option<Self> {
        INTERNER.intern(addresses).map(Self)
    }

    /// The stack as a number that is never 0, so that 0 can stand for `None` where a `Stack` is packed into a word.
    #[inline]
    pub fn to_bits(self) -> u32 {
        self.0.get()
    }

    /// The stack that [`to_bits`](Self::to_bits) gave this number for; `None` for 0 and for numbers never given out.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let id = NonZeroU32::new(bits)?;
        INTERNER.record(id).map(|_| Self(id))
    }

    /// The return addresses, innermost frame first.
    ///
    /// A return address points behind the call. Whoever looks one up must look up the address minus one, or land on
    /// the next line or in the next function.
    pub fn addresses(self) -> &'static [usize] {
        &self.record().addresses
    }

    /// The frames, innermost first, with inlined calls expanded.
    ///
    /// Reads debug info: the first stack of a process takes tens of milliseconds. Each distinct address is resolved
    /// once.
    pub fn frames(self) -> &'static [Frame] {
        let record = self.record();
        record.frames.get_or_init(|| {
            record
                .addresses
                .iter()
                .flat_map(|&address| symbols::resolve(address))
                .copied()
                .collect()
        })
    }

    /// The innermost frame that is looked for. Resolves no further than that.
    pub fn find(self, is_wanted: impl Fn(&Frame) -> bool) -> Option<&'static Frame> {
        self.record()
            .addresses
            .iter()
            .flat_map(|&address| symbols::resolve(address))
            .find(|frame| is_wanted(frame))
    }

    /// Whether this is a stack of a thread on which libtest runs a test. Resolves the outermost frames only, where that
    /// is to be seen; of a stack that was too deep to be kept whole it can't be.
    pub(crate) fn is_of_test_thread(self) -> bool {
        // Between a thread's begin and the test are some twelve.
        const OUTERMOST: usize = 32;
        let outermost = self.addresses().iter().rev().take(OUTERMOST);
        outermost
            .flat_map(|&address| symbols::resolve(address))
            .any(|frame| frame.symbol().starts_with("test::"))
    }

    /// The frames that a person wants to see, innermost first: their own down to the test, and where they called
    /// into another crate that called back, that crate's outermost frame. Left out are tokio, std, libtest and this
    /// crate.
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        trim::user_frames(self.frames())
    }

    fn record(self) -> &'static Record {
        INTERNER
            .record(self.0)
            .expect("every Stack has a record: from_id and from_bits see to it")
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the frames: a debug print must not read debug info.
        write!(f, "Stack({})", self.0)
    }
}
