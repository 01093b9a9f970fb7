//! The live set: which tasks are alive, who spawned them, and which scope answers for them.
//!
//! Knows nothing of tests, reports or tokio's scheduler. A task's record is a [`Slot`]: 80 bytes of
//! atomics in an append-only table, so that anybody may read it at any time without a lock and
//! without unsafe code. What differs only by where a task comes from is shared by all tasks of that
//! origin ([`origin`]); what few tasks have (a name made at run time, data) lives beside ([`extras`]).

pub(crate) mod clock;
pub(crate) mod current;
pub(crate) mod entry;
pub(crate) mod extras;
pub(crate) mod gate;
mod judges;
mod life;
mod name;
pub(crate) mod origin;
mod pins;
mod pool;
pub(crate) mod runtimes;
pub(crate) mod scope;
pub(crate) mod slot;
mod sync;
mod table;
mod task_info;

pub(crate) use entry::{Entry, Spawner, Spec};
pub(crate) use extras::Extras;
pub(crate) use runtimes::TrackedRuntime;
pub(crate) use scope::{Scope, ScopeRef};
pub(crate) use slot::Slot;
pub use task_info::{Ancestor, TaskId, TaskInfo, TaskKind, TaskState};

/// Every slot that holds a live task right now, read one after the other without stopping anybody.
pub(crate) fn live() -> impl Iterator<Item = slot::Reading> {
    pool::all().filter_map(Slot::read)
}

/// All live tracked tasks, oldest first: a copy, made without stopping anybody.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::spawn(std::future::pending::<()>());
/// for task in taskleak::live_tasks() {
///     println!("{} spawned at {}", task.name(), task.location());
/// }
/// # task.abort(); }
/// ```
pub fn live_tasks() -> Vec<TaskInfo> {
    let mut tasks: Vec<_> = live().filter_map(|task| TaskInfo::of(&task)).collect();
    tasks.sort_by_key(|task| (std::cmp::Reverse(task.age()), task.id()));
    tasks
}
