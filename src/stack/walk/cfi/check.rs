//! What has to hold for a walk to go as an earlier one did.

/// One thing that an earlier walk depended on, relative to the stack pointer that it started at.
///
/// What comes next to be checked follows from what was checked before, see [`record`](super::record).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Check {
    /// The value, or for [`Kind::End`] the answer.
    pub(super) expected: u64,
    /// A [`Kind`] in the lowest three bits, and in the others where on the stack, as the distance in bytes from the
    /// stack pointer.
    pub(super) what: u32,
}

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Kind {
    /// A return address on the stack is the expected one.
    ReturnAddress = 0,
    /// A frame pointer saved on the stack is as far from the stack pointer as expected.
    SavedFramePointer = 1,
    /// The frame pointer that the walk starts with is.
    FramePointer = 2,
    /// The instruction pointer that the walk starts with is the expected one.
    InstructionPointer = 3,
    /// Nothing: everything was checked.
    End = 4,
}

/// The bits of [`Check::what`] that are a [`Kind`].
pub(super) const KIND_MASK: u32 = 7;

impl Check {
    /// A check of a word on the stack; `None` if it is too far away.
    pub(super) fn of_word(kind: Kind, distance: usize, expected: usize) -> Option<Self> {
        let distance = u32::try_from(distance).ok()?;
        (distance & KIND_MASK == 0).then_some(Self {
            expected: expected as u64,
            what: distance | kind as u32,
        })
    }

    /// A check of what is not on the stack.
    pub(super) fn of_start(kind: Kind, expected: usize) -> Self {
        Self {
            expected: expected as u64,
            what: kind as u32,
        }
    }

    /// The end, with the answer.
    pub(super) fn end(answer: u32) -> Self {
        Self {
            expected: u64::from(answer),
            what: Kind::End as u32,
        }
    }
}
