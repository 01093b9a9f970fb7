//! The walk itself.
//!
//! The `unsafe` here is one loop in assembler. It reads stack words that belong to no Rust object, which no Rust load
//! may do, and it costs in a debug build what it costs in a release build.
#![allow(unsafe_code)]

use std::arch::asm;
use std::sync::OnceLock;

use super::modules::Modules;
use super::registers::{Registers, Start, keep_frame};
use super::rule::{BASE_BIT, CfaBase, END, KEPT, ODD, OFFSET_SHIFT, PackedRule, RULE_BITS, Rule};
use super::rule_cache::{INDEX_BITS, RULES, is_cacheable};
use crate::stack::addresses::{Addresses, HASH_MULTIPLIER, HASH_ROTATION, MAX_DEPTH};
use crate::stack::slow_path::SlowPath;

static MODULES: OnceLock<Modules> = OnceLock::new();

/// See [`Walker::walk`](crate::stack::walk::Walker::walk).
#[inline(always)]
pub(in crate::stack::walk) fn walk(addresses: &mut Addresses) -> bool {
    // SAFETY: used in the next statement only, which `keep_frame` follows.
    let registers = unsafe { Registers::here() };
    let done = walk_from(&registers, addresses);
    keep_frame();
    done
}

#[inline(never)]
fn walk_from(registers: &Registers, addresses: &mut Addresses) -> bool {
    Start::at(registers).is_some_and(|start| follow(&start, addresses))
}

/// The same up to a frame further out that begins at `end`: its stack pointer, at any of its calls or above.
#[inline(always)]
pub(in crate::stack::walk) fn walk_to(end: usize, addresses: &mut Addresses) -> bool {
    // SAFETY: used in the next statement only, which `keep_frame` follows.
    let registers = unsafe { Registers::here() };
    let done = walk_from_to(&registers, end, addresses);
    keep_frame();
    done
}

#[inline(never)]
fn walk_from_to(registers: &Registers, end: usize, addresses: &mut Addresses) -> bool {
    let Some(whole) = Start::at(registers) else {
        return false;
    };
    let stack_end = end & !(size_of::<usize>() - 1);
    if !(registers.sp..=whole.stack_end).contains(&stack_end) {
        return false;
    }
    // What is mapped up to the end of the stack is mapped up to there.
    let start = Start { stack_end, ..whole };
    match follow_on(&start, addresses) {
        (Stop::Done, _) => true,
        (Stop::Declined, at) => is_beyond(&at, stack_end, whole.stack_end),
        (Stop::Miss, _) => false,
    }
}

/// Whether these are the registers of a frame that has an ordinary end, and that beyond `end`.
fn is_beyond(at: &Registers, end: usize, stack_end: usize) -> bool {
    let Some(Rule::Frame {
        base, cfa_offset, ..
    }) = RULES.get(at.ip).map(PackedRule::unpack)
    else {
        return false;
    };
    let base = match base {
        CfaBase::StackPointer => at.sp,
        CfaBase::FramePointer => at.fp,
    };
    let cfa = base.wrapping_add_signed(cfa_offset as isize);
    cfa > end && cfa <= stack_end && cfa.is_multiple_of(size_of::<usize>())
}

/// Appends the addresses that the frame at the start and all its callers return to.
pub(super) fn follow(start: &Start, addresses: &mut Addresses) -> bool {
    matches!(follow_on(start, addresses).0, Stop::Done)
}

/// The same; says where and why it stopped, which is for a miss only if that cannot be helped.
#[inline(always)]
fn follow_on(start: &Start, addresses: &mut Addresses) -> (Stop, Registers) {
    let mut registers = start.registers;
    // Each miss is answered before the loop goes on, so only other threads that displace the answers could make it go
    // round more often.
    for _ in 0..4 * MAX_DEPTH {
        // SAFETY: the registers are those of a live frame of this thread, as they were given or as an earlier round
        // left them, and `stack_end` is the end of the stack that `sp` is in: the invariants of `Start`.
        match unsafe { follow_cached(&mut registers, start.stack_end, addresses) } {
            Stop::Miss if learn(registers.ip).is_some() => {}
            stop => return (stop, registers),
        }
    }
    (Stop::Miss, registers)
}

/// The rule of a return address, which is in the cache then; `None` if it cannot be known now.
#[cold]
pub(super) fn learn(ip: usize) -> Option<PackedRule> {
    if !is_cacheable(ip) {
        return None;
    }
    let modules = modules()?;
    let rule = modules.rule(ip).pack();
    RULES.insert(ip, rule);
    Some(rule)
}

/// Whether a return address is in the C library, as far as is known.
pub(in crate::stack) fn is_in_c_library(return_address: usize) -> bool {
    modules().is_some_and(|modules| modules.is_in_c_library(return_address))
}

/// The modules, asked for once. `None` if that would mean to allocate inside a slow path.
fn modules() -> Option<&'static Modules> {
    match MODULES.get() {
        Some(modules) => Some(modules),
        None => {
            let _slow_path = SlowPath::enter()?;
            Some(MODULES.get_or_init(Modules::load))
        }
    }
}

/// Why the loop over cached rules stopped.
enum Stop {
    /// At the outermost frame, or at the depth limit.
    Done,
    /// The cache has no rule for the instruction pointer.
    Miss,
    /// At a frame that has no ordinary rule, or whose numbers can't be true.
    Declined,
}

const DONE: usize = 0;
const MISS: usize = 1;
const DECLINED: usize = 2;

/// What the assembler loop reads and writes besides registers.
#[repr(C)]
struct Limits {
    stack_end: usize,
    buffer_end: *mut usize,
}

/// Follows the cached rules outwards, one frame a round, and leaves `registers` at the frame it stopped at.
///
/// # Safety
///
/// The registers must be those of a live frame of this thread, at a call or a point where the cached rules of `ip`
/// hold, and `stack_end` the end of the mapped stack above `sp`.
#[inline(always)]
unsafe fn follow_cached(
    registers: &mut Registers,
    stack_end: usize,
    addresses: &mut Addresses,
) -> Stop {
    let buffer = addresses.buffer.as_mut_ptr().cast::<usize>();
    if addresses.len == MAX_DEPTH {
        return Stop::Done;
    }
    // SAFETY: `len` is at most `MAX_DEPTH`, the length of the buffer.
    let (start, buffer_end) = unsafe { (buffer.add(addresses.len), buffer.add(MAX_DEPTH)) };
    let limits = Limits {
        stack_end,
        buffer_end,
    };
    let mut end = start;
    let mut hash = addresses.hash;
    let stop: usize;
    // SAFETY: reads only
    // - the rule cache, at an index masked to its length; its entries are atomic words, read whole,
    // - stack words from `sp` (the CFA is above it, see the checks) up to `stack_end`, which are mapped because the
    //   stack is in use from `sp` upwards,
    // and writes only from `start` to `buffer_end`. Rules of live code are exact, so the words are the saved registers;
    // if they were not, the checks still keep every access inside the stack.
    unsafe {
        asm!(
            "2:",
            // rule = entries[(ip ^ ip >> INDEX_BITS) & mask], if its tag is ip >> INDEX_BITS
            "mov {word}, {ip}",
            "shr {word}, {INDEX_BITS}",
            "mov {rule}, {word}",
            "xor {rule}, {ip}",
            "and {rule:e}, {INDEX_MASK}",
            "mov {rule}, [{entries} + 8*{rule}]",
            "mov {cfa}, {rule}",
            "shr {cfa}, {RULE_BITS}",
            "cmp {cfa}, {word}",
            "jne 6f",
            // cfa = (sp or fp) + 8 * offset
            "mov {cfa}, {sp}",
            "bt {rule:e}, {BASE_BIT}",
            "cmovc {cfa}, {fp}",
            "mov {word:e}, {rule:e}",
            "and {word:e}, {OFFSET_MASK}",
            "shr {word:e}, {OFFSET_TO_BYTES}",
            "add {cfa}, {word}",
            "movzx {rule:e}, {rule:l}",
            "cmp {rule:e}, {ODD}",
            "jae 5f",
            // sp < cfa <= stack_end, and aligned: so cfa - 8 is a word of the stack
            "cmp {cfa}, {sp}",
            "jbe 7f",
            "cmp {cfa}, [{limits}]",
            "ja 7f",
            "test {cfa:l}, 7",
            "jnz 7f",
            // fp = [cfa - 8 - 8 * saved], a word of this frame
            "test {rule:e}, {rule:e}",
            "jz 3f",
            "neg {rule}",
            "lea {rule}, [{cfa} + 8*{rule} - 8]",
            "cmp {rule}, {sp}",
            "jb 7f",
            "mov {fp}, [{rule}]",
            "3:",
            "mov {ip}, [{cfa} - 8]",
            "mov {sp}, {cfa}",
            // a null return address: the end as well
            "test {ip}, {ip}",
            "jz 4f",
            "mov [{end}], {ip}",
            "add {end}, 8",
            "xor {hash}, {ip}",
            "imul {hash}, {multiplier}",
            "rol {hash}, {HASH_ROTATION}",
            "cmp {end}, [{limits} + 8]",
            "jb 2b",
            "4:",
            "mov {word:e}, {DONE}",
            "jmp 8f",
            "5:",
            "cmp {rule:e}, {END}",
            "je 4b",
            "7:",
            "mov {word:e}, {DECLINED}",
            "jmp 8f",
            "6:",
            "mov {word:e}, {MISS}",
            "8:",
            ip = inout(reg) registers.ip,
            sp = inout(reg) registers.sp,
            fp = inout(reg) registers.fp,
            end = inout(reg) end,
            hash = inout(reg) hash,
            entries = in(reg) RULES.as_ptr(),
            multiplier = in(reg) HASH_MULTIPLIER,
            limits = in(reg) &raw const limits,
            word = out(reg) stop,
            rule = out(reg) _,
            cfa = out(reg) _,
            INDEX_BITS = const INDEX_BITS,
            INDEX_MASK = const (1 << INDEX_BITS) - 1,
            RULE_BITS = const RULE_BITS,
            BASE_BIT = const BASE_BIT,
            OFFSET_MASK = const (1_u32 << RULE_BITS) - (1 << OFFSET_SHIFT),
            OFFSET_TO_BYTES = const OFFSET_SHIFT - 3,
            ODD = const ODD,
            END = const END,
            HASH_ROTATION = const HASH_ROTATION,
            DONE = const DONE,
            MISS = const MISS,
            DECLINED = const DECLINED,
            options(nostack),
        );
        addresses.len = end.offset_from_unsigned(buffer);
    }
    addresses.hash = hash;
    match stop {
        DONE => Stop::Done,
        MISS => Stop::Miss,
        _ => Stop::Declined,
    }
}

// The loop takes any first eight bits but these two for an ordinary frame's, and 0 for a frame pointer not saved.
const _: () = assert!(ODD + 1 == END && END == u8::MAX as u32 && KEPT == 0);
