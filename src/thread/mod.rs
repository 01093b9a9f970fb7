//! Threads: those that tests start and leave (`armed`, `birth`, `create`, `live`), and where any of them is
//! (`interrupt`, `sights`).
//!
//! No public interface tells who started a thread. [`track_threads!`](crate::track_threads) puts a function
//! before the C library's `pthread_create`, which every `std::thread` goes through: it notes the scope and the
//! stack of the caller. Without it only the difference between two looks at the process is known, and not
//! whose it is.

#![cfg_attr(
    not(all(target_os = "linux", target_env = "gnu")),
    allow(dead_code, reason = "nothing stands before `pthread_create` there")
)]

mod armed;
mod birth;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod create;
#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_env = "gnu",
    not(miri)
))]
mod interrupt;
#[cfg(not(all(
    target_os = "linux",
    target_arch = "x86_64",
    target_env = "gnu",
    not(miri)
)))]
#[path = "no_interrupt.rs"]
mod interrupt;
mod live;
mod process;
mod refusal;
mod sights;

#[doc(hidden)]
pub use armed::arm;
pub(crate) use armed::is_armed;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[doc(hidden)]
pub use create::{Routine, create};
pub(crate) use live::{LiveThread, left};
pub(crate) use process::{Baseline, Doing, describe};
pub(crate) use sights::{Sights, stack_of};
