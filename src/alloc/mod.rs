//! Spawn backtraces of tasks that nobody tracked, by the allocator.
//!
//! A task is one block of memory, with an alignment that little else has, allocated inside the call that
//! spawns it. [`SpawnSites`] is a global allocator that keeps the call stack of such blocks while
//! somebody judges tasks. A report that has found a task at some address then knows who spawned it: also
//! in a dependency, on stable Rust, without a change to its code.

mod cell;
mod sites;
mod spawn_sites;
mod turn;

#[doc(hidden)]
pub use sites::spawn_backtrace;
pub use spawn_sites::SpawnSites;
pub(crate) use spawn_sites::is_in_place;
pub(crate) use turn::Turn;
