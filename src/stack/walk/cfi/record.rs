//! Walks once more, and notes what the walk depended on.
//!
//! A walk is a function of the registers it starts with, of the rules, which never change, and of the words that it
//! reads. Of these words only two sorts decide where it goes: return addresses, and those saved frame pointers that a
//! later rule counts a CFA from. So take a stack on which all of these are equal to an earlier walk's (the frame
//! pointers relative to the stack pointer). By induction over the frames, a walk there reads at the same distances and
//! finds the same return addresses; therefore it need not be done.
//!
//! A frame pointer is noted when a rule needs it, not where it was saved: most are never needed, and hold anything. So
//! which check comes next, and where, follows from the outcomes of the checks before it, which is what lets
//! [`replay`](super::replay) share them between stacks.
#![allow(unsafe_code)]

use super::check::{Check, Kind};
use super::follow;
use super::registers::{Registers, Start, read_word};
use super::rule::{CfaBase, Rule};
use super::rule_cache::RULES;
use crate::stack::addresses::Addresses;

const WORD: usize = size_of::<usize>();

/// The checks of a walk, and what it found.
pub(super) struct Recording {
    pub(super) checks: Vec<Check>,
    pub(super) addresses: Addresses,
}

impl Recording {
    /// Walks from the start to the end, by the same rules as [`follow::follow`]. Allocates.
    pub(super) fn of_walk(start: &Start) -> Option<Self> {
        let Start {
            registers: start,
            stack_end,
        } = *start;
        let mut addresses = Addresses::new();
        let mut checks = vec![Check::of_start(Kind::InstructionPointer, start.ip)];
        let Registers {
            mut ip,
            mut sp,
            mut fp,
        } = start;
        // The check that the frame pointer needs before a CFA may be counted from it.
        let mut unchecked_fp = Some(Check::of_start(
            Kind::FramePointer,
            fp.wrapping_sub(start.sp),
        ));
        loop {
            let rule = RULES.get(ip).or_else(|| follow::learn(ip))?.unpack();
            let (base, cfa_offset, saved_frame_pointer) = match rule {
                Rule::Frame {
                    base,
                    cfa_offset,
                    saved_frame_pointer,
                } => (base, cfa_offset, saved_frame_pointer),
                Rule::End => break,
                Rule::Odd => return None,
            };
            let cfa = match base {
                CfaBase::StackPointer => sp,
                CfaBase::FramePointer => {
                    checks.extend(unchecked_fp.take());
                    fp
                }
            }
            .wrapping_add_signed(cfa_offset as isize);
            if cfa <= sp || cfa > stack_end || !cfa.is_multiple_of(WORD) {
                return None;
            }
            // SAFETY: an aligned word between the stack pointer and the end of the stack, see `Start`.
            ip = unsafe { read_word(cfa - WORD) };
            checks.push(Check::of_word(
                Kind::ReturnAddress,
                cfa - WORD - start.sp,
                ip,
            )?);
            if let Some(offset) = saved_frame_pointer {
                let slot = cfa.wrapping_add_signed(offset as isize);
                if slot < sp {
                    return None;
                }
                // SAFETY: as above; `offset` is a negative number of words.
                fp = unsafe { read_word(slot) };
                unchecked_fp = Some(Check::of_word(
                    Kind::SavedFramePointer,
                    slot - start.sp,
                    fp.wrapping_sub(start.sp),
                )?);
            }
            sp = cfa;
            if ip == 0 || !addresses.push(ip) {
                break;
            }
        }
        Some(Self { checks, addresses })
    }
}
