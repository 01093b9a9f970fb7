//! Recognises a stack that was walked before, without walking it.
//!
//! The checks of earlier walks (see [`record`](super::record)) are kept as a trie: walks that begin alike share their
//! first checks. A node's child is the node behind it, its sibling says what else has been seen in its place. A stack
//! that passes all checks down to an end is the stack noted there; for any other the walk has to be done.
//!
//! Nodes are never changed, except that a missing sibling may be added, and never freed. The `unsafe` here is the loop
//! that compares, in assembler for the same reasons as [`follow`](super::follow), and the adding of nodes.
#![allow(unsafe_code)]

use std::arch::asm;
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

use super::check::{Check, KIND_MASK, Kind};
use super::record::Recording;
use super::registers::Start;
use crate::stack::addresses::{Addresses, HASH_MULTIPLIER};
use crate::stack::slow_path::SlowPath;

/// The tries, each for some places and depths of stacks.
const BUCKETS: usize = 1 << 12;

/// How often a bucket may ask for a recording. Stacks that never come out the same, such as those of random
/// depth, must not cost a recording each time, nor fill the memory.
const RECORDINGS: u8 = 64;

/// How many nodes there may be: six megabytes.
const NODES: usize = 1 << 18;

/// How many alternatives are tried at one place.
const SIBLINGS: usize = 16;

/// One check, and the nodes to go on with.
#[repr(C)]
struct Node {
    /// If it holds, go on with the next node in memory: a run of nodes has its only [`Kind::End`] last.
    check: Check,
    /// If it does not, go on here, unless null. Written once.
    sibling: AtomicPtr<Node>,
}

/// The size of a node, which the assembler steps by.
const NODE: usize = 24;
const _: () = assert!(size_of::<Node>() == NODE && std::mem::offset_of!(Node, sibling) == 16);
const _: () = assert!(std::mem::offset_of!(Check, what) == 8);

struct Bucket {
    /// The first node or null. The `Release` stores to this and to `Node::sibling` come after the nodes are written
    /// and pair with the `Acquire` loads here and, in assembler, with plain loads, which on x86-64 are that.
    root: AtomicPtr<Node>,
    recordings: AtomicU8,
}

impl Bucket {
    /// Counts a recording, unless there have been enough. Threads may miscount, which does no harm.
    fn is_full(&self) -> bool {
        let recordings = self.recordings.load(Ordering::Relaxed);
        if recordings < RECORDINGS {
            self.recordings.store(recordings + 1, Ordering::Relaxed);
        }
        recordings >= RECORDINGS
    }
}

static TRIE: [Bucket; BUCKETS] = [const {
    Bucket {
        root: AtomicPtr::new(std::ptr::null_mut()),
        recordings: AtomicU8::new(0),
    }
}; BUCKETS];

/// Held while nodes are added; their number.
static ADDING: Mutex<usize> = Mutex::new(0);

/// The bucket for a walk from this start, for a capture asked for at `location`.
///
/// Neither decides anything, they only spread the stacks. Stacks that are equal are equally deep, whichever thread's
/// they are.
#[inline]
fn bucket(start: &Start, location: &'static Location<'static>) -> &'static Bucket {
    let location = std::ptr::from_ref(location).addr() as u64;
    let hash =
        (location ^ (start.stack_end - start.registers.sp) as u64).wrapping_mul(HASH_MULTIPLIER);
    &TRIE[(hash >> 32) as usize % BUCKETS]
}

/// The answer that was remembered for the stack at this start.
#[inline]
pub(super) fn find(start: &Start, location: &'static Location<'static>) -> Option<NonZeroU32> {
    let root = bucket(start, location).root.load(Ordering::Acquire);
    if root.is_null() {
        return None;
    }
    let last_word = start.stack_end - size_of::<usize>();
    let answer: u64;
    // SAFETY: reads nodes, from one that is there to the next one in its run, which ends with an end, and to siblings;
    // and stack words from `sp` (distances are not negative) to `last_word`, which are mapped, see `Start`.
    unsafe {
        asm!(
            "2:",
            "mov {at:e}, [{node} + 8]",
            "test {at:e}, {KIND_MASK}",
            "jnz 5f",
            // A return address: compare [sp + distance].
            "add {at}, {sp}",
            "cmp {at}, {last_word}",
            "ja 8f",
            "mov {at}, [{at}]",
            "3:",
            "cmp {at}, [{node}]",
            "jne 4f",
            "add {node}, {NODE}",
            "jmp 2b",
            "4:",
            "mov {node}, [{node} + 16]",
            "test {node}, {node}",
            "jnz 2b",
            "8:",
            "xor {at:e}, {at:e}",
            "jmp 9f",
            "5:",
            "test {at:e}, {END}",
            "jnz 7f",
            "test {at:e}, {FRAME_POINTER}",
            "jnz 6f",
            // A saved frame pointer: compare [sp + distance] - sp.
            "lea {at}, [{at} + {sp} - {SAVED_FRAME_POINTER}]",
            "cmp {at}, {last_word}",
            "ja 8b",
            "mov {at}, [{at}]",
            "sub {at}, {sp}",
            "jmp 3b",
            "6:",
            // The first instruction pointer, or the first frame pointer: compare ip, or fp - sp.
            "cmp {at:e}, {INSTRUCTION_POINTER}",
            "mov {at}, {ip}",
            "je 3b",
            "mov {at}, {fp}",
            "sub {at}, {sp}",
            "jmp 3b",
            "7:",
            "mov {at}, [{node}]",
            "9:",
            node = inout(reg) root => _,
            sp = in(reg) start.registers.sp,
            fp = in(reg) start.registers.fp,
            ip = in(reg) start.registers.ip,
            last_word = in(reg) last_word,
            at = out(reg) answer,
            NODE = const NODE,
            KIND_MASK = const KIND_MASK,
            END = const Kind::End as u32,
            FRAME_POINTER = const Kind::FramePointer as u32,
            INSTRUCTION_POINTER = const Kind::InstructionPointer as u32,
            SAVED_FRAME_POINTER = const Kind::SavedFramePointer as u32,
            options(nostack, readonly),
        );
    }
    NonZeroU32::new(answer as u32)
}

// The tests of single bits above: the kinds that are not on the stack share one.
const _: () = assert!(
    Kind::InstructionPointer as u32 & Kind::FramePointer as u32 != 0
        && Kind::SavedFramePointer as u32 & Kind::FramePointer as u32 == 0
        && Kind::ReturnAddress as u32 == 0
);

/// Remembers the answer for the stack at this start, unless there has been enough to remember.
///
/// `walked` is what a walk found there. Allocates.
#[cold]
pub(super) fn remember(
    start: &Start,
    location: &'static Location<'static>,
    walked: &Addresses,
    answer: NonZeroU32,
) {
    let bucket = bucket(start, location);
    if bucket.is_full() {
        return;
    }
    let Some(_slow_path) = SlowPath::enter() else {
        return;
    };
    let Some(mut recording) = Recording::of_walk(start) else {
        return;
    };
    if recording.addresses.as_slice() != walked.as_slice() {
        return;
    }
    recording.checks.push(Check::end(answer.get()));
    // Never wait: this is only to be quicker next time.
    if let Ok(mut nodes) = ADDING.try_lock() {
        add(&bucket.root, &recording.checks, &mut nodes);
    }
}

/// Adds the nodes that are missing for these checks, the last of which is an end.
fn add(root: &AtomicPtr<Node>, checks: &[Check], nodes: &mut usize) {
    let mut link = root;
    let mut rest = checks;
    let mut tried = 0;
    loop {
        let mut node = link.load(Ordering::Acquire).cast_const();
        // SAFETY: a link is null or to a node that is never freed.
        let Some(mut seen) = (unsafe { node.as_ref() }) else {
            break;
        };
        while seen.check == rest[0] {
            rest = &rest[1..];
            if rest.is_empty() {
                // All is there already.
                return;
            }
            tried = 0;
            // SAFETY: the node is no end, as the equal check was not the last, so its run goes on. `node` came from a
            // link, which is to the whole of a run.
            unsafe {
                node = node.add(1);
                seen = &*node;
            }
        }
        // After equal checks the next ones look at the same thing, see `record`; and so do all siblings.
        tried += 1;
        if seen.check.what != rest[0].what || tried == SIBLINGS {
            return;
        }
        link = &seen.sibling;
    }
    if *nodes + rest.len() > NODES {
        return;
    }
    *nodes += rest.len();
    let run: Box<[Node]> = rest
        .iter()
        .map(|&check| Node {
            check,
            sibling: AtomicPtr::new(std::ptr::null_mut()),
        })
        .collect();
    link.store(Box::leak(run).as_mut_ptr(), Ordering::Release);
}
