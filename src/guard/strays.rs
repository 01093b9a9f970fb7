//! Tasks that nobody tracked and no guard has answered for, on runtimes that live when the process ends.
//!
//! A handle of each runtime is kept that taskleak has had to do with: its number alone tells nobody what it counts. Those of
//! runtimes that are gone are let go of again when the next one is met.

use super::unseen::{Found, Unseen, census_of};
use super::{Options, Rule};
use crate::census::{self, SeenState, SeenTask, Unavailable};
use crate::registry::TrackedRuntime;
use crate::registry::scope::Watched;
use crate::registry::tokio_ids;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;

static ARE_WANTED: AtomicBool = AtomicBool::new(false);
static KEPT: Mutex<Vec<Handle>> = Mutex::new(Vec::new());
/// By the runtime's index.
static ANSWERED: Mutex<Option<HashMap<u32, Answered>>> = Mutex::new(None);

/// What guards have given their verdict on, tasks of one runtime that nobody tracked.
#[derive(Default)]
struct Answered {
    tasks: HashSet<u64>,
    /// How many there were where no census could tell which.
    unnamed: usize,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, runtimes are kept in sight.
pub(crate) fn keep_runtimes() {
    ARE_WANTED.store(true, Relaxed);
    TrackedRuntime::on_new(keep);
}

fn keep(handle: &Handle) {
    let gone: Vec<_> = {
        let mut kept = lock(&KEPT);
        let gone = kept.extract_if(.., |handle| !is_alive(handle)).collect();
        let is_same = |other: &Handle| tokio_ids::runtime(other) == tokio_ids::runtime(handle);
        if !kept.iter().any(is_same) {
            kept.push(handle.clone());
        }
        gone
    };
    // Not under the lock, since the last handle takes the scheduler along.
    for handle in gone {
        TrackedRuntime::is_gone(&handle);
    }
}

fn is_alive(handle: &Handle) -> bool {
    census::holders(handle).is_some_and(|holders| holders > 1)
}

/// A guard has come to its verdict on these tasks of a runtime; or on so many of it.
pub(super) fn answered(runtime: &TrackedRuntime, tasks: Result<&[SeenTask], usize>) {
    if !ARE_WANTED.load(Relaxed) {
        return;
    }
    let mut answered = lock(&ANSWERED);
    let answered = answered.get_or_insert_default();
    let answered = answered.entry(runtime.index()).or_default();
    match tasks {
        Ok(tasks) => answered.tasks.extend(tasks.iter().map(|task| task.id)),
        Err(unnamed) => answered.unnamed = answered.unnamed.max(unnamed),
    }
}

/// Whether any runtime that lives counts tasks which nobody tracked.
pub(crate) fn may_be_alive() -> bool {
    let kept = lock(&KEPT).clone();
    let unseen = |handle: &Handle| Watched::in_all(handle).unseen() > 0;
    kept.iter().any(|handle| unseen(handle) && is_alive(handle))
}

/// They, by the path of the test that spawned each if that is known.
pub(crate) fn take(options: &Options) -> BTreeMap<Option<String>, Unseen> {
    let rules = options.all_rules();
    let mut by_test: BTreeMap<Option<String>, Unseen> = BTreeMap::new();
    let kept = lock(&KEPT).clone();
    for handle in kept.iter().filter(|handle| is_alive(handle)) {
        match on_runtime(handle) {
            Left::None => {}
            Left::Named(count, found) => add(&mut by_test, count, found, &rules),
            Left::Counted(count, reason) => {
                let unseen = by_test.entry(None).or_default();
                unseen.count += count;
                unseen.tasks = Err(reason);
            }
        }
    }
    by_test
}

fn add(
    by_test: &mut BTreeMap<Option<String>, Unseen>,
    count: usize,
    found: Vec<Found>,
    rules: &[Rule],
) {
    let mut all = Unseen {
        count,
        tasks: Ok(found),
    };
    all.ignore(rules);
    let found = all.tasks.unwrap_or_default();
    // What the runtime counts beyond those found is there too, if they are all that is left of it.
    let beyond = all.count.saturating_sub(found.len());
    if beyond > 0 {
        by_test.entry(None).or_default().count += beyond;
    }
    for task in found {
        let test = task.spawned_by.and_then(|stack| {
            let frames = stack.user_frames();
            frames.last().map(|frame| frame.function().to_owned())
        });
        let unseen = by_test.entry(test).or_default();
        unseen.count += 1;
        if let Ok(tasks) = &mut unseen.tasks {
            tasks.push(task);
        }
    }
}

/// What is left on one runtime.
enum Left {
    None,
    /// As the runtime counts them, and those of them that were found.
    Named(usize, Vec<Found>),
    /// Only counted, and why.
    Counted(usize, Unavailable),
}

fn on_runtime(handle: &Handle) -> Left {
    let watched = Watched::in_all(handle);
    if watched.unseen() == 0 {
        return Left::None;
    }
    let runtime = watched.runtime();
    let taken = census_of(handle, runtime, tokio_ids::current_task());
    // Who ended meanwhile may be in the list no more.
    let count = watched.unseen();
    let answered = lock(&ANSWERED);
    let answered = answered.as_ref().and_then(|all| all.get(&runtime.index()));
    match taken {
        Ok(mut tasks) => {
            let all = tasks.len();
            tasks.retain(|task| {
                answered.is_none_or(|answered| !answered.tasks.contains(&task.id))
                    && !(runtime.is_current_thread() && could_end(task))
            });
            // Where some were left out, the others are known by name only.
            let count = if tasks.len() < all {
                tasks.len()
            } else {
                count
            };
            if count == 0 {
                return Left::None;
            }
            Left::Named(count, tasks.into_iter().map(Found::from).collect())
        }
        Err(reason) => {
            let known = answered.map_or(0, |answered| answered.tasks.len() + answered.unnamed);
            let count = count.saturating_sub(known);
            if count > 0 && runtime.is_current_thread() {
                crate::report::note(format_args!(
                    "a current-thread runtime that nobody runs any more counts {count} tasks that taskleak did not \
                     see spawned. Whether they could end if it were run cannot be told: {reason}"
                ));
                return Left::None;
            }
            match count {
                0 => Left::None,
                count => Left::Counted(count, reason),
            }
        }
    }
}

/// Whether the task would go on if its runtime were run, which nobody does any more.
fn could_end(task: &SeenTask) -> bool {
    match task.sight.state {
        SeenState::Parked | SeenState::NoWaker | SeenState::Unknown => false,
        SeenState::Runnable | SeenState::Cancelled | SeenState::Running | SeenState::Complete => {
            true
        }
    }
}
