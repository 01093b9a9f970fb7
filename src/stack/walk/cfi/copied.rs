//! Walks a copy of another thread's stack.
//!
//! By the same rules as the walk of one's own stack, over words that nobody changes any more. A thread is interrupted
//! anywhere, not at a call: so the first rule is that of the very instruction, which is what a return address one byte
//! further on would have.

use super::follow;
use super::rule::{CfaBase, Rule};
use super::rule_cache::RULES;
use crate::stack::addresses::Addresses;
use crate::stack::call_stack::Stack;

const WORD: usize = size_of::<usize>();

/// A thread as it was at one moment: its registers, and its stack from the stack pointer on, as far as it was copied.
#[derive(Clone, Copy, Debug)]
pub struct StackCopy<'a> {
    /// The instruction that comes next.
    pub ip: usize,
    /// Where the copy begins.
    pub sp: usize,
    /// The frame pointer, or whatever else is in its register.
    pub fp: usize,
    /// The words of the stack, innermost first.
    pub words: &'a [usize],
}

impl StackCopy<'_> {
    /// The frames, innermost first: as far out as the copy reaches and unwind rules are known. `None` if not even the
    /// innermost function's caller is found.
    pub fn walk(&self) -> Option<Stack> {
        let mut addresses = Addresses::new();
        let (mut ip, mut sp, mut fp) = (self.ip.checked_add(1)?, self.sp, self.fp);
        let mut frames = 0;
        while addresses.push(ip) {
            let Some((caller, cfa, caller_fp)) = self.step(ip, sp, fp) else {
                break;
            };
            frames += 1;
            if caller == 0 {
                break;
            }
            (ip, sp, fp) = (caller, cfa, caller_fp);
        }
        if frames == 0 {
            return None;
        }
        Stack::of(&addresses)
    }

    /// The return address, stack pointer and frame pointer of the caller; a return address of 0 at the outermost frame.
    fn step(&self, ip: usize, sp: usize, fp: usize) -> Option<(usize, usize, usize)> {
        let rule = RULES.get(ip).or_else(|| follow::learn(ip))?.unpack();
        let (base, cfa_offset, saved_frame_pointer) = match rule {
            Rule::Frame {
                base,
                cfa_offset,
                saved_frame_pointer,
            } => (base, cfa_offset, saved_frame_pointer),
            Rule::End => return Some((0, sp, fp)),
            Rule::Odd => return None,
        };
        let base = match base {
            CfaBase::StackPointer => sp,
            CfaBase::FramePointer => fp,
        };
        let cfa = base.wrapping_add_signed(cfa_offset as isize);
        if cfa <= sp {
            return None;
        }
        let caller = self.word(cfa.wrapping_sub(WORD))?;
        let fp = match saved_frame_pointer {
            Some(offset) => self.word(cfa.wrapping_add_signed(offset as isize))?,
            None => fp,
        };
        Some((caller, cfa, fp))
    }

    fn word(&self, address: usize) -> Option<usize> {
        let distance = address.checked_sub(self.sp)?;
        (distance.is_multiple_of(WORD))
            .then(|| self.words.get(distance / WORD).copied())
            .flatten()
    }
}
