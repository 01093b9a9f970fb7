//! How one caller's registers follow from its callee's, packed into 31 bits.

/// Where the canonical frame address of a call site is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CfaBase {
    StackPointer,
    FramePointer,
}

/// What a return address says about the frame it returns into.
///
/// The CFA of that frame is its stack pointer just before it was called; its return address is always at CFA - 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// An ordinary frame.
    Frame {
        base: CfaBase,
        /// CFA minus the base register, in bytes.
        cfa_offset: i64,
        /// Where the caller's frame pointer is saved, counted from the CFA in bytes; `None` if it still is in its
        /// register.
        saved_frame_pointer: Option<i64>,
    },
    /// The outermost frame: nobody called it.
    End,
    /// A frame that these rules cannot describe.
    Odd,
}

/// A rule in 31 bits:
///
/// | bits | |
/// |---|---|
/// | 0..8 | [`KEPT`], [`END`], [`ODD`], or n if the caller's frame pointer is saved at CFA - 8 - 8n |
/// | 8 | set if the CFA is counted from the frame pointer |
/// | 9..31 | the distance from the base register to the CFA in words; never 0 in a frame |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PackedRule(pub(super) u32);

/// How many bits a [`PackedRule`] has.
pub(super) const RULE_BITS: u32 = 31;
/// The bit that says the frame pointer is the base.
pub(super) const BASE_BIT: u32 = 8;
/// The first bit of the offset.
pub(super) const OFFSET_SHIFT: u32 = 9;
/// The frame pointer is not saved.
pub(super) const KEPT: u32 = 0;
/// The lowest of the two values of the first eight bits that are not an ordinary frame's.
pub(super) const ODD: u32 = 254;
/// [`Rule::End`].
pub(super) const END: u32 = 255;

const WORD: i64 = 8;

impl Rule {
    /// Packs the rule; one whose numbers don't fit is odd.
    pub(super) fn pack(self) -> PackedRule {
        match self {
            Self::Frame {
                base,
                cfa_offset,
                saved_frame_pointer,
            } => pack_frame(base, cfa_offset, saved_frame_pointer).unwrap_or(PackedRule(ODD)),
            Self::End => PackedRule(END),
            Self::Odd => PackedRule(ODD),
        }
    }
}

impl PackedRule {
    /// The rule that was packed, or [`Rule::Odd`] if it did not fit.
    pub(super) fn unpack(self) -> Rule {
        match self.0 & 0xff {
            ODD => Rule::Odd,
            END => Rule::End,
            saved => Rule::Frame {
                base: if self.0 >> BASE_BIT & 1 == 0 {
                    CfaBase::StackPointer
                } else {
                    CfaBase::FramePointer
                },
                cfa_offset: i64::from(self.0 >> OFFSET_SHIFT) * WORD,
                saved_frame_pointer: (saved != KEPT).then(|| -WORD - i64::from(saved) * WORD),
            },
        }
    }
}

fn pack_frame(
    base: CfaBase,
    cfa_offset: i64,
    saved_frame_pointer: Option<i64>,
) -> Option<PackedRule> {
    let words = in_words(cfa_offset)
        .filter(|words| (1..1 << (RULE_BITS - OFFSET_SHIFT)).contains(words))?;
    let saved = match saved_frame_pointer {
        None => KEPT,
        Some(offset) => in_words(-WORD - offset).filter(|words| (1..ODD).contains(words))?,
    };
    let base = match base {
        CfaBase::StackPointer => 0,
        CfaBase::FramePointer => 1 << BASE_BIT,
    };
    Some(PackedRule(words << OFFSET_SHIFT | base | saved))
}

fn in_words(bytes: i64) -> Option<u32> {
    (bytes % WORD == 0)
        .then(|| u32::try_from(bytes / WORD).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(base: CfaBase, cfa_offset: i64, saved_frame_pointer: Option<i64>) -> PackedRule {
        Rule::Frame {
            base,
            cfa_offset,
            saved_frame_pointer,
        }
        .pack()
    }

    #[test]
    fn usual_frames_fit() {
        use CfaBase::{FramePointer, StackPointer};
        assert_eq!(frame(StackPointer, 8, None), PackedRule(1 << 9));
        assert_eq!(
            frame(FramePointer, 16, Some(-16)),
            PackedRule(2 << 9 | 1 << 8 | 1)
        );
        assert_eq!(
            frame(StackPointer, 4096, Some(-56)),
            PackedRule(512 << 9 | 6)
        );
        assert_eq!(
            frame(StackPointer, 8 * ((1 << 22) - 1), None).0 >> RULE_BITS,
            0
        );
    }

    #[test]
    fn what_is_packed_can_be_unpacked() {
        for base in [CfaBase::StackPointer, CfaBase::FramePointer] {
            for cfa_offset in [8, 16, 24, 4096, 8 * ((1 << 22) - 1)] {
                for saved_frame_pointer in [None, Some(-16), Some(-24), Some(-8 - 8 * 253)] {
                    let rule = Rule::Frame {
                        base,
                        cfa_offset,
                        saved_frame_pointer,
                    };
                    assert_eq!(rule.pack().unpack(), rule);
                }
            }
        }
        assert_eq!(Rule::End.pack().unpack(), Rule::End);
        assert_eq!(Rule::Odd.pack().unpack(), Rule::Odd);
    }

    #[test]
    fn what_does_not_fit_is_odd() {
        use CfaBase::StackPointer;
        for (cfa_offset, saved) in [
            (0, None),
            (-8, None),
            (12, None),
            (8 << 22, None),
            (i64::MIN, None),
            (16, Some(0)),
            (16, Some(-8)),
            (16, Some(8)),
            (16, Some(-20)),
            (1 << 20, Some(-8 - 8 * 254)),
        ] {
            assert_eq!(
                frame(StackPointer, cfa_offset, saved),
                PackedRule(ODD),
                "{cfa_offset} {saved:?}"
            );
        }
        assert_ne!(
            frame(StackPointer, 1 << 20, Some(-8 - 8 * 253)),
            PackedRule(ODD)
        );
    }
}
