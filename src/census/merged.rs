//! Whether this build puts equal functions together.

use std::hint::black_box;

/// Two functions of this are equal but for their names.
#[inline(never)]
fn twin<const NAME: u8>(number: u64) -> u64 {
    black_box(number).rotate_left(7) ^ black_box(0x7a5c_1ea4)
}

/// Whether one function may stand for several that are equal, as optimised builds have it: then a task's functions may
/// be those of another future, and so may its name.
pub(crate) fn names_may_be_merged() -> bool {
    let one: fn(u64) -> u64 = twin::<1>;
    let other: fn(u64) -> u64 = twin::<2>;
    black_box(one) as usize == black_box(other) as usize
}

/// Whether a task's type is told, and is its own for sure.
pub(crate) fn types_are_exact() -> bool {
    !names_may_be_merged()
}
