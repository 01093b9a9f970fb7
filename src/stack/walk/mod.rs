//! The ways to walk the calling thread's stack.
//!
//! All find the same return addresses or decline; `capture` takes the fastest that the target has and falls
//! back to the platform's unwinder. The choice is public to the crate's tests and benches only.

#[cfg(all(
    any(
        all(
            target_os = "linux",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
        all(
            target_os = "macos",
            any(target_arch = "x86_64", target_arch = "aarch64")
        ),
    ),
    not(miri)
))]
mod bounds;
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
pub(super) mod cfi;
#[cfg(all(
    any(
        all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")),
        all(target_arch = "x86_64", target_os = "macos"),
    ),
    not(miri)
))]
mod frame_pointer;
pub(crate) mod stack_pointer;
mod unwinder;
mod walker;

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
pub use cfi::StackCopy;
pub use walker::Walker;
