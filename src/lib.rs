//! Fails a test when tokio tasks outlive it.

#![deny(unsafe_code)]

pub mod alloc;
mod census;
mod config;
#[cfg(any(feature = "flamegraph", feature = "pprof", feature = "prometheus"))]
pub mod export;
mod guard;
mod harness;
pub mod manager;
mod registry;
mod report;
pub mod runtime;
#[doc(hidden)]
pub mod stack;
pub mod task;
#[doc(hidden)]
pub mod thread;
mod wait;

pub use guard::{Action, Guard, Options, Rule, dump, dump_blocking, find, verify_none};
pub use manager::manager;
pub use registry::{Ancestor, TaskId, TaskInfo, TaskKind, TaskState, live_tasks};
pub use report::{Dump, Leak, LeakReport, LeakedThread, Owner, UnseenState, UnseenTask};
pub use stack::{Frame, FrameOrigin};
pub use task::{Track, spawn};
pub use taskleak_macros::leak_test;
pub use wait::{AwaitNode, AwaitTrace, Liveness, OtherHalf, TraceSource, WaitsFor};

/// What the macros expand to. Not part of the interface: it may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::guard::register_rule;
    pub use crate::harness::{Harness, at_exit};
    pub use crate::thread;
    pub use ctor;
    pub use dtor;
    pub use taskleak_macros::{case, case as test};
}
