//! The live set: which tasks are alive, who spawned them, and which scope answers for them.
//!
//! Knows nothing of tests and reports. A task's record is a [`Slot`]: 80 bytes of
//! atomics in an append-only table, so that anybody may read it at any time without a lock and
//! without unsafe code. What differs only by where a task comes from is shared by all tasks of that
//! origin ([`origin`]); what few tasks have (a name made at run time, data) lives beside ([`extras`]).
//!
//! A task comes and goes by `entry` (out of what its thread keeps: `local`, `pool`), and is the `current` one while it is
//! polled (`entered`). Who answers for it: `scope`, with its count (`gate`) and its `life`. What others see of it: `task_info`, and by
//! numbers `ledger` and `names`. Who wants to be told: `judges`, `events` (a `ring`), `ends`, `timings`; who looks at its memory: `inquiry`, `pin`,
//! `fence`. What is done when its time has come: `alarm`, `timebox`. Tasks known by their runtime's hooks only: `hooked`, `claim`,
//! `own_spawn`, `spawned_at`.

pub(crate) mod alarm;
mod ancestor;
pub(crate) mod attention;
mod claim;
pub(crate) mod clock;
pub(crate) mod current;
pub(crate) mod ends;
pub(crate) mod entered;
pub(crate) mod entry;
pub(crate) mod events;
pub(crate) mod extras;
mod fence;
mod fingerprint;
mod function_path;
pub(crate) mod gate;
#[cfg(tokio_unstable)]
pub(crate) mod hooked;
pub(crate) mod inquiry;
pub(crate) mod judges;
pub(crate) mod ledger;
mod life;
pub(crate) mod local;
mod name;
pub(crate) mod names;
pub(crate) mod numbers;
mod operation;
pub(crate) mod origin;
pub(crate) mod own_spawn;
pub(crate) mod pin;
pub(crate) mod poller;
pub(crate) mod pollers;
mod pool;
mod record;
mod ring;
pub(crate) mod runtimes;
pub(crate) mod scope;
pub(crate) mod slot;
pub(crate) mod spawned_at;
pub(crate) mod spawner;
mod sync;
mod task_id;
mod task_info;
mod task_kind;
mod task_state;
pub(crate) mod timebox;
pub(crate) mod timings;
pub(crate) mod tokio_ids;

pub use ancestor::Ancestor;
pub(crate) use claim::{claim, give_back};
pub(crate) use entered::{Entered, first_poll_begins, is_usual_poll, note_first_poll, note_number};
pub(crate) use entry::Entry;
pub(crate) use extras::{Attached, Extras};
pub use fingerprint::Fingerprint;
pub(crate) use function_path::function_path;
pub(crate) use judges::any as is_judged;
#[allow(unused_imports, reason = "the census's, where there is one")]
pub(crate) use name::{is_by_place, of_type as name_of_type, outside_generics};
pub use operation::OperationId;
pub(crate) use runtimes::TrackedRuntime;
pub(crate) use scope::{Scope, ScopeRef};
pub(crate) use slot::{Reading, Slot};
pub(crate) use spawner::{Spawner, Spec};
pub use task_id::TaskId;
pub use task_info::TaskInfo;
pub use task_kind::TaskKind;
pub use task_state::TaskState;
pub use timebox::TimeboxAction;

/// Every slot that holds a live task right now, read one after the other without stopping anybody.
pub(crate) fn live() -> impl Iterator<Item = slot::Reading> {
    pool::all().filter_map(Slot::read)
}

/// How many tasks have come and ended so far. Slots are read one after the other; but if the number is the same before
/// and after a look at [`live`], no slot has changed between, so what was found is what there was at one moment.
pub(crate) fn changes() -> u64 {
    pool::all().map(|slot| u64::from(slot.changes())).sum()
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
