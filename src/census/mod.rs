//! The census: tasks that nobody tracked, read out of the runtime's own list through the binary's debug info.
//!
//! From the type of a function's parameter, debug info leads by the names of types and fields to the scheduler, to its
//! list of tasks, to each task's cell, and through the state machines of its async functions down to the leaf future. No
//! offset is known beforehand: what is not found under its name, or does not look as it must, is "unavailable" or
//! "unknown", never a guess. Memory is copied by the kernel and never dereferenced, so nothing here can crash.

#[allow(dead_code, reason = "where there is no census, nobody makes one")]
mod seen_task;
mod unavailable;

pub(crate) use seen_task::{InList, SeenState, SeenTask, Sight, UNKNOWN};
pub(crate) use unavailable::Unavailable;

/// Where debug info can be read as this code does.
macro_rules! where_there_is_one {
    ($($item:item)*) => {
        $(
            #[cfg(all(
                feature = "census",
                target_os = "linux",
                any(target_arch = "x86_64", target_arch = "aarch64"),
                not(miri)
            ))]
            $item
        )*
    };
}

where_there_is_one! {
    #[allow(clippy::module_inception, reason = "the main function of this folder")]
    mod census;
    mod dwarf;
    mod future;
    mod holders;
    mod holdings;
    mod memory;
    mod merged;
    mod tasks;

    pub(crate) use census::{beside_list, holdings, look_at, take};
    pub(crate) use holders::holders;
    pub(crate) use merged::{names_may_be_merged, types_are_exact};
}

#[cfg(not(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
)))]
mod elsewhere;
#[cfg(not(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
)))]
pub(crate) use elsewhere::{
    beside_list, holders, holdings, look_at, names_may_be_merged, take, types_are_exact,
};
