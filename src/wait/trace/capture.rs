//! The stacks that one traced poll finds.

use crate::registry::inquiry::Found;
use crate::stack::walk::Walker;
use crate::stack::{Addresses, Stack};

/// Distinct stacks that one poll can find, and their frames: room that is made before the poll,
/// because where a stack is found (inside a leaf future, under its locks) nothing is allocated.
const STACKS: usize = 128;
const FRAMES: usize = 4096;

/// The stacks found so far, innermost frames first, as raw return addresses.
pub(super) struct Captures {
    frames: Vec<usize>,
    stacks: Vec<Captured>,
    /// How many frames are below the poll: not the task's.
    outer: usize,
    /// The innermost of these.
    outer_frame: Option<usize>,
}

#[derive(Clone, Copy)]
struct Captured {
    hash: u64,
    start: usize,
    end: usize,
    wakes: bool,
}

impl Captures {
    /// For a poll whose frame is the one that `below` was captured in.
    pub(super) fn new(below: &Addresses) -> Self {
        // The innermost address is in the frame that polls.
        let below = below.as_slice().get(1..).unwrap_or(&[]);
        Self {
            frames: Vec::with_capacity(FRAMES),
            stacks: Vec::with_capacity(STACKS),
            outer: below.len(),
            outer_frame: below.first().copied(),
        }
    }

    /// Adds a stack, without allocating.
    pub(super) fn add(&mut self, stack: &Addresses, wakes: bool) {
        let stack = self.inside(stack.as_slice());
        let hash = stack.iter().fold(u64::from(wakes), |hash, frame| {
            (hash ^ *frame as u64)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(23)
        });
        let is_known = self.stacks.iter().any(|known| {
            known.hash == hash
                && known.wakes == wakes
                && self.frames[known.start..known.end] == *stack
        });
        if is_known {
            return;
        }
        let start = self.frames.len();
        let fits = self.stacks.len() < self.stacks.capacity()
            && stack.len() <= self.frames.capacity() - start;
        if !fits {
            return;
        }
        self.frames.extend_from_slice(stack);
        self.stacks.push(Captured {
            hash,
            start,
            end: self.frames.len(),
            wakes,
        });
    }

    /// The frames of the task: those above the poll. All, if the outermost were cut off.
    fn inside<'a>(&self, stack: &'a [usize]) -> &'a [usize] {
        let Some(inner) = stack.len().checked_sub(self.outer) else {
            return stack;
        };
        if stack.get(inner).copied() == self.outer_frame {
            &stack[..inner]
        } else {
            stack
        }
    }

    /// What was found, in the order in which it was.
    pub(super) fn found(&self) -> Vec<Found> {
        let intern = |captured: &Captured| {
            let mut addresses = Addresses::new();
            for frame in &self.frames[captured.start..captured.end] {
                addresses.push(*frame);
            }
            Some(Found {
                stack: Stack::of(&addresses)?,
                wakes: captured.wakes,
            })
        };
        self.stacks.iter().filter_map(intern).collect()
    }
}

/// The stack of the function that this is inlined into, from its caller on.
#[inline(always)]
pub(super) fn walk(addresses: &mut Addresses) -> bool {
    if Walker::BEST.walk(addresses) {
        return true;
    }
    addresses.clear();
    Walker::Unwinder.walk(addresses)
}
