//! Captures by the quickest way first.
use std::panic::Location;

use super::follow::follow;
use super::registers::{Registers, keep_frame};
use super::replay;
use crate::stack::addresses::Addresses;
use crate::stack::call_stack::Stack;
use crate::stack::capture::How;
use crate::stack::interner::INTERNER;
use crate::stack::walk::bounds;

/// The stack of the function that this is inlined into, from its caller on. `None` if this way cannot vouch for it. The
/// location is where it is asked for, which says little about the stack but helps to find it.
#[inline(always)]
pub(in crate::stack) fn capture_here(location: &'static Location<'static>) -> Option<(Stack, How)> {
    let registers = Registers::here();
    let captured = capture_from(&registers, location);
    keep_frame();
    captured
}

#[inline(never)]
fn capture_from(start: &Registers, location: &'static Location<'static>) -> Option<(Stack, How)> {
    let stack_end = bounds::stack_end(start.sp)?;
    match replay::find(start, stack_end, location) {
        Some(id) => Some((Stack::from_id(id), How::Replayed)),
        None => walk(start, stack_end, location),
    }
}

#[inline(never)]
fn walk(
    start: &Registers,
    stack_end: usize,
    location: &'static Location<'static>,
) -> Option<(Stack, How)> {
    let mut addresses = Addresses::new();
    if !follow(*start, stack_end, &mut addresses) {
        return None;
    }
    let id = match INTERNER.find(&addresses) {
        Some(id) => {
            // Seen before, so it may be seen again.
            replay::remember(start, stack_end, location, &addresses, id);
            id
        }
        None => INTERNER.insert(&addresses)?,
    };
    Some((Stack::from_id(id), How::Walked))
}
