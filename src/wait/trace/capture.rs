//! The stacks that one traced poll finds.

use crate::registry::inquiry::Found;
use crate::stack::walk::Walker;
use crate::stack::{Addresses, Stack};
use std::cell::Cell;

/// Distinct stacks that one poll can find, and their frames: room that is made before the poll,
/// because where a stack is found (inside a leaf future, under its locks) nothing is allocated.
const STACKS: usize = 128;
const FRAMES: usize = 4096;

/// Room for the stacks of one poll.
struct Room {
    frames: Vec<usize>,
    stacks: Vec<Captured>,
}

thread_local! {
    /// The room of the thread's last traced poll, for its next one.
    static SPARE: Cell<Option<Room>> = const { Cell::new(None) };
}

impl Room {
    fn take() -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        spare.unwrap_or_else(|| Self {
            frames: Vec::with_capacity(FRAMES),
            stacks: Vec::with_capacity(STACKS),
        })
    }

    fn give_back(&mut self) {
        let mut room = Self {
            frames: std::mem::take(&mut self.frames),
            stacks: std::mem::take(&mut self.stacks),
        };
        room.frames.clear();
        room.stacks.clear();
        let _ = SPARE.try_with(|spare| spare.set(Some(room)));
    }
}

/// The stacks found so far, innermost frames first, as raw return addresses.
pub(super) struct Captures {
    room: Room,
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
            room: Room::take(),
            outer: below.len(),
            outer_frame: below.first().copied(),
        }
    }

    /// Adds a stack, without allocating.
    pub(super) fn add(&mut self, stack: &Addresses, wakes: bool) {
        let stack = Self::inside(self.outer, self.outer_frame, stack.as_slice());
        let Room { frames, stacks } = &mut self.room;
        let hash = stack.iter().fold(u64::from(wakes), |hash, frame| {
            (hash ^ *frame as u64)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .rotate_left(23)
        });
        let is_known = stacks.iter().any(|known| {
            known.hash == hash && known.wakes == wakes && frames[known.start..known.end] == *stack
        });
        if is_known {
            return;
        }
        let start = frames.len();
        let fits = stacks.len() < stacks.capacity() && stack.len() <= frames.capacity() - start;
        if !fits {
            return;
        }
        frames.extend_from_slice(stack);
        stacks.push(Captured {
            hash,
            start,
            end: frames.len(),
            wakes,
        });
    }

    /// The frames of the task: those above the poll. All, if the outermost were cut off.
    fn inside(outer: usize, outer_frame: Option<usize>, stack: &[usize]) -> &[usize] {
        let Some(inner) = stack.len().checked_sub(outer) else {
            return stack;
        };
        if stack.get(inner).copied() == outer_frame {
            &stack[..inner]
        } else {
            stack
        }
    }

    /// What was found, in the order in which it was.
    pub(super) fn found(&self) -> Vec<Found> {
        let intern = |captured: &Captured| {
            let mut addresses = Addresses::new();
            for frame in &self.room.frames[captured.start..captured.end] {
                addresses.push(*frame);
            }
            Some(Found {
                stack: Stack::of(&addresses)?,
                wakes: captured.wakes,
            })
        };
        self.room.stacks.iter().filter_map(intern).collect()
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        self.room.give_back();
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
