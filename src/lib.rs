//! Fails a test when tokio tasks outlive it, and says which ones, who spawned them, what they wait for
//! and why that never comes.
//!
//! ```
//! # use taskleak::Action;
//! # #[tokio::main(flavor = "multi_thread")] async fn main() {
//! let guard = taskleak::verify_none();
//! # let guard = guard.on_leak(Action::Warn).grace(std::time::Duration::from_millis(10));
//! let (sender, mut receiver) = tokio::sync::mpsc::channel::<u32>(1);
//! let _reader = taskleak::spawn(async move { while receiver.recv().await.is_some() {} });
//! guard.finish().await; // fails: `sender` is still alive, so the reader waits for ever
//! # drop(sender); }
//! ```
//!
//! ```text
//! taskleak: 1 task outlived `my_test` and 1s of grace
//!
//! leak: `my_test::{async block}`
//!   --> src/lib.rs:12:15
//!    |
//! 12 | let _reader = taskleak::spawn(async move { while receiver.recv().await.is_some() {} });
//!    |               ^ spawned here
//!    |
//!    = state: pending, alive for 1s, polled 1 time, last 1s ago
//!    = waits in:
//!        my_test::{async block}            src/lib.rs:12:67
//!        tokio::sync::mpsc::Receiver::recv
//!    = waits for: a message: the channel is empty, and a sender of it is alive
//! ```
//!
//! ```text
//! cargo add --dev taskleak taskleak-tokio
//! ```
//!
//! | to | use |
//! |---|---|
//! | check one test | [`#[leak_test]`](leak_test), or a guard: [`verify_none`] |
//! | check all tests of a crate | `#[cfg(test)] extern crate taskleak_tokio as tokio;`, with the crate `taskleak-tokio` |
//! | check a whole test binary at its exit | [`verify_main!`] |
//! | say what may live on | [`task::Builder::background`], [`Guard::ignore_named`] and its like, [`ignore!`] |
//! | spawn tracked tasks | [`spawn`], [`task`], [`runtime`]; [`Track`] for other spawners |
//! | assert on leaks yourself | [`find`], [`LeakReport`] |
//! | see what all tasks wait for, now | [`dump`] |
//! | watch a service | [`manager()`], and `export` behind its features |
//!
//! | feature | adds |
//! |---|---|
//! | `census` (on by default) | names, states and await chains of tasks that nobody tracked, by debug info (Linux) |
//! | `json` | reports as JSON: `LeakReport::to_json`, and the variable `TASKLEAK_JSON` |
//! | `serde` | `Serialize` for the manager's snapshots |
//! | `metrics` | tokio-metrics' figures by name, and those of runtimes |
//! | `tracing` | a `tracing` span a task, on request |
//! | `prometheus` | metrics of live tasks, by name |
//! | `pprof` | profiles of live tasks |
//! | `flamegraph` | a flame graph of live or leaked tasks |
//! | `http` | the last three and a live page, as an axum router or on a port of their own |

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod alloc;
mod census;
mod config;
mod escaped;
#[cfg(any(feature = "flamegraph", feature = "pprof", feature = "prometheus"))]
pub mod export;
mod guard;
mod harness;
#[cfg(feature = "serde")]
mod json;
pub mod manager;
mod misspelt;
mod note;
mod payload;
mod registry;
mod report;
pub mod runtime;
#[doc(hidden)]
pub mod stack;
mod table;
pub mod task;
#[doc(hidden)]
pub mod thread;
mod wait;

pub use guard::{Action, Guard, Options, Rule, dump, dump_blocking, find, verify_none};
pub use manager::manager;
pub use registry::{Ancestor, TaskId, TaskInfo, TaskKind, TaskState, live_tasks};
pub use report::{Blocker, Dump, Leak, LeakReport, LeakedThread, Owner, UnseenState, UnseenTask};
pub use stack::{Frame, FrameOrigin};
pub use task::{Track, spawn};
pub use taskleak_macros::leak_test;
pub use wait::{AwaitNode, AwaitTrace, Liveness, OtherHalf, TraceSource, WaitsFor};

/// What the macros expand to. Not part of the interface: it may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::guard::register_rule;
    pub use crate::harness::{Harness, PanicExpected, at_exit};
    pub use crate::harness::{Returned, TellsError, TellsNothing};
    pub use crate::thread;
    pub use ctor;
    pub use dtor;
    pub use taskleak_macros::{case, case as test};
}
