//! Captures by the quickest way first.
#![allow(unsafe_code)]

use std::panic::Location;

use super::follow::follow;
use super::registers::{Registers, Start, keep_frame};
use super::replay;
use crate::stack::addresses::Addresses;
use crate::stack::call_stack::Stack;
use crate::stack::capture::How;
use crate::stack::interner::INTERNER;

/// The stack of the function that this is inlined into, from its caller on. `None` if this way cannot vouch for it. The
/// location is where it is asked for, which says little about the stack but helps to find it.
#[inline(always)]
pub(in crate::stack) fn capture_here(location: &'static Location<'static>) -> Option<(Stack, How)> {
    // SAFETY: used in the next statement only, which `keep_frame` follows.
    let registers = unsafe { Registers::here() };
    let captured = capture_from(&registers, location);
    keep_frame();
    captured
}

#[inline(never)]
fn capture_from(
    registers: &Registers,
    location: &'static Location<'static>,
) -> Option<(Stack, How)> {
    let start = Start::at(registers)?;
    match replay::find(&start, location) {
        Some(id) => Some((Stack::from_id(id), How::Replayed)),
        None => walk(&start, location),
    }
}

#[inline(never)]
fn walk(start: &Start, location: &'static Location<'static>) -> Option<(Stack, How)> {
    let mut addresses = Addresses::new();
    if !follow(start, &mut addresses) {
        return None;
    }
    let id = match INTERNER.find(&addresses) {
        Some(id) => {
            // Seen before, so it may be seen again.
            replay::remember(start, location, &addresses, id);
            id
        }
        None => INTERNER.insert(&addresses)?,
    };
    Some((Stack::from_id(id), How::Walked))
}
