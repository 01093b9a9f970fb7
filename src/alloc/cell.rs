//! Which blocks can be tasks.

/// The alignment of tokio's tasks, which it takes from the size of the target's cache lines. tokio's own
/// condition, since the alignment itself is not public.
pub(super) const ALIGN: usize = if cfg!(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "powerpc64"
)) {
    128
} else if cfg!(any(
    target_arch = "arm",
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "sparc",
    target_arch = "hexagon"
)) {
    32
} else if cfg!(target_arch = "m68k") {
    16
} else if cfg!(target_arch = "s390x") {
    256
} else {
    64
};

/// A task holds its future, unless that is larger than 16 KiB. Older versions of tokio held any, but it
/// came by way of somebody's stack.
const LARGEST: usize = 1 << 20;

/// Whether a block of at least [`ALIGN`] and this size can be a task: a type's size is a multiple of its
/// alignment.
#[inline]
pub(super) fn can_be_a_task(size: usize) -> bool {
    size <= LARGEST && size.is_multiple_of(ALIGN)
}
