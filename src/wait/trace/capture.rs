//! The stacks that one traced poll finds.

use crate::registry::inquiry::Found;
use crate::stack::walk::Walker;
use crate::stack::walk::stack_pointer::stack_pointer;
use crate::stack::{Addresses, Stack};
use std::cell::Cell;
use std::sync::Arc;

/// Distinct stacks that one poll can find, and their frames: room that is made before the poll,
/// because where a stack is found (inside a leaf future, under its locks) nothing is allocated.
const STACKS: usize = 128;
const FRAMES: usize = 4096;

/// Room for the stacks of one poll.
struct Room {
    frames: Vec<usize>,
    stacks: Vec<Captured>,
    /// What the thread found before: the tasks of one place wait in the same way.
    last: Option<Last>,
}

/// What an earlier poll found.
struct Last {
    frames: Vec<usize>,
    stacks: Vec<Captured>,
    found: Arc<[Found]>,
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
            last: None,
        })
    }

    fn give_back(&mut self) {
        let mut room = Self {
            frames: std::mem::take(&mut self.frames),
            stacks: std::mem::take(&mut self.stacks),
            last: self.last.take(),
        };
        room.frames.clear();
        room.stacks.clear();
        let _ = SPARE.try_with(|spare| spare.set(Some(room)));
    }
}

/// The stacks found so far, innermost frames first, as raw return addresses.
pub(super) struct Captures {
    room: Room,
    outer: Outer,
}

/// Where the frames begin that are below the poll: not the task's.
#[derive(Clone, Copy)]
pub(super) enum Outer {
    /// At this stack pointer.
    At(usize),
    /// They are so many, the innermost of which is this.
    Frames(usize, Option<usize>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Captured {
    hash: u64,
    start: usize,
    end: usize,
    wakes: bool,
}

impl Outer {
    /// Of a poll in the function that this is inlined into.
    #[inline(always)]
    pub(super) fn here() -> Self {
        if Walker::BEST.is_bounded() {
            Self::At(stack_pointer())
        } else {
            Self::below()
        }
    }

    #[inline(always)]
    fn below() -> Self {
        let mut below = Addresses::new();
        if !walk(&mut below) {
            below.clear();
        }
        // The innermost address is in the frame that polls.
        let below = below.as_slice().get(1..).unwrap_or(&[]);
        Self::Frames(below.len(), below.first().copied())
    }

    /// The frames of the task in a stack: those above the poll. All, if the outermost were cut off.
    fn inside(self, stack: &[usize]) -> &[usize] {
        let Self::Frames(outer, outer_frame) = self else {
            return stack;
        };
        let Some(inner) = stack.len().checked_sub(outer) else {
            return stack;
        };
        if stack.get(inner).copied() == outer_frame {
            &stack[..inner]
        } else {
            stack
        }
    }
}

impl Captures {
    /// For a poll above these frames.
    pub(super) fn new(outer: Outer) -> Self {
        Self {
            room: Room::take(),
            outer,
        }
    }

    /// Adds a stack, without allocating.
    pub(super) fn add(&mut self, stack: &Addresses, wakes: bool) {
        let stack = self.outer.inside(stack.as_slice());
        let Room { frames, stacks, .. } = &mut self.room;
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

    /// What was found, in the order in which it was.
    pub(super) fn found(&mut self) -> Arc<[Found]> {
        let Room {
            frames,
            stacks,
            last,
        } = &mut self.room;
        if let Some(last) = last
            && last.stacks == *stacks
            && last.frames == *frames
        {
            return last.found.clone();
        }
        let intern = |captured: &Captured| {
            let mut addresses = Addresses::new();
            for frame in &frames[captured.start..captured.end] {
                addresses.push(*frame);
            }
            Some(Found {
                stack: Stack::of(&addresses)?,
                wakes: captured.wakes,
            })
        };
        let found: Arc<[Found]> = stacks.iter().filter_map(intern).collect();
        *last = Some(Last {
            frames: frames.clone(),
            stacks: stacks.clone(),
            found: found.clone(),
        });
        found
    }
}

impl Drop for Captures {
    fn drop(&mut self) {
        self.room.give_back();
    }
}

/// The stack of the function that this is inlined into, from its caller on, as far as the task's frames go if that can
/// be told.
#[inline(always)]
pub(super) fn walk_inside(outer: Outer, addresses: &mut Addresses) -> bool {
    if let Outer::At(end) = outer
        && Walker::BEST.walk_to(end, addresses)
    {
        return true;
    }
    addresses.clear();
    walk(addresses)
}

#[inline(always)]
fn walk(addresses: &mut Addresses) -> bool {
    if Walker::BEST.walk(addresses) {
        return true;
    }
    addresses.clear();
    Walker::Unwinder.walk(addresses)
}
