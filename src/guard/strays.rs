//! Tasks that nobody tracked and no guard has answered for, on runtimes that live when the process ends.
//!
//! A handle of each runtime is kept that taskleak has had to do with: its number alone tells nobody what it counts. Those of
//! runtimes that are gone are let go of again when the next one is met.

use super::unseen::{Found, Unseen, census_of, still_alive};
use super::{Options, Rule};
use crate::census::{self, SeenState, SeenTask, Unavailable};
use crate::registry::TrackedRuntime;
use crate::registry::scope::Watched;
use crate::registry::tokio_ids;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

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

/// A runtime becomes a guard's. With a tokio that has no numbers of runtimes, another one that comes to lie where this one
/// lay would be taken for it: so it is kept in sight until it is gone.
pub(super) fn keep_claimed(handle: &Handle) {
    if tokio_ids::runtime_numbers_return(handle) {
        keep(handle);
    }
}

fn keep(handle: &Handle) {
    keep_if_told(handle, census::holders);
}

fn keep_if_told(handle: &Handle, holders: fn(&Handle) -> Option<u64>) {
    // Where nobody can tell whether a runtime lives, each would seem to be gone.
    if holders(handle).is_none() {
        return;
    }
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
pub(super) fn answered(runtime: &TrackedRuntime, tasks: Result<&[Found], usize>) {
    if !ARE_WANTED.load(Relaxed) {
        return;
    }
    let mut answered = lock(&ANSWERED);
    let answered = answered.get_or_insert_default();
    let answered = answered.entry(runtime.index()).or_default();
    match tasks {
        Ok(tasks) => answered
            .tasks
            .extend(tasks.iter().map(|found| found.task.id)),
        Err(unnamed) => answered.unnamed = answered.unnamed.max(unnamed),
    }
}

/// Tasks that nobody tracked, as they were found when the process was about to end: those that outlive the grace from then
/// on have outlived their tests for sure.
pub(crate) struct Strays {
    runtimes: Vec<OnRuntime>,
    rules: Vec<Rule>,
}

struct OnRuntime {
    handle: Handle,
    left: Left,
}

/// What is left on one runtime.
enum Left {
    /// Those that have to end, as they were seen last.
    Named(Vec<Found>),
    /// How many have to end at least, and why it is not known which.
    Counted(usize, Unavailable),
}

impl Strays {
    pub(crate) fn look(options: &Options) -> Self {
        let mut strays = Self {
            runtimes: Vec::new(),
            rules: options.all_rules(),
        };
        let kept: Vec<Handle> = lock(&KEPT)
            .iter()
            .filter(|handle| is_alive(handle))
            .cloned()
            .collect();
        for handle in kept {
            let is_current_thread = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
            let left = match strays.found_on(&handle) {
                None => continue,
                Some(Ok(found)) => {
                    let (sure, unsure): (Vec<_>, Vec<_>) = found
                        .into_iter()
                        .partition(|found| !is_current_thread || has_no_waker(found));
                    note_unsure(&unsure);
                    Left::Named(sure)
                }
                // Which of them a rule lets live on cannot be told, nor which could go on if somebody ran them.
                Some(Err(reason)) if is_current_thread || !strays.rules.is_empty() => {
                    note_untold(&handle, &reason);
                    continue;
                }
                Some(Err(reason)) => Left::Counted(counted(&handle), reason),
            };
            strays.runtimes.push(OnRuntime { handle, left });
        }
        strays.forget_ended();
        strays
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runtimes.is_empty()
    }

    /// Looks again, and forgets those that have ended meanwhile.
    pub(crate) fn look_again(&mut self) {
        let mut runtimes = std::mem::take(&mut self.runtimes);
        for on in &mut runtimes {
            match (&mut on.left, self.found_on(&on.handle)) {
                (Left::Named(tasks), Some(Ok(found))) => {
                    let known: HashSet<_> = tasks.iter().map(|task| task.task.id).collect();
                    *tasks = found;
                    tasks.retain(|task| known.contains(&task.task.id));
                }
                (Left::Counted(count, _), Some(Err(_))) => {
                    *count = (*count).min(counted(&on.handle));
                }
                (Left::Named(tasks), _) => tasks.clear(),
                (Left::Counted(count, _), _) => *count = 0,
            }
        }
        self.runtimes = runtimes;
        self.forget_ended();
    }

    fn forget_ended(&mut self) {
        self.runtimes.retain(|on| match &on.left {
            Left::Named(tasks) => !tasks.is_empty(),
            Left::Counted(count, _) => *count > 0,
        });
    }

    /// What is left, by the path of the test that spawned each if that is known.
    pub(crate) fn take(mut self) -> BTreeMap<Option<String>, Unseen> {
        self.look_again();
        let mut by_test: BTreeMap<Option<String>, Unseen> = BTreeMap::new();
        for on in self.runtimes {
            match on.left {
                Left::Named(tasks) => {
                    for task in tasks {
                        let unseen = by_test.entry(test_of(&task)).or_default();
                        unseen.count += 1;
                        if let Ok(tasks) = &mut unseen.tasks {
                            tasks.push(task);
                        }
                    }
                }
                Left::Counted(count, reason) => {
                    let unseen = by_test.entry(None).or_default();
                    unseen.count += count;
                    // Those that were found on another runtime keep their names.
                    if unseen.tasks.as_ref().is_ok_and(Vec::is_empty) {
                        unseen.tasks = Err(reason);
                    }
                }
            }
        }
        by_test
    }

    /// The tasks on a runtime that have to end; `None` if it counts none.
    fn found_on(&self, handle: &Handle) -> Option<Result<Vec<Found>, Unavailable>> {
        let watched = Watched::in_all(handle);
        if watched.unseen() == 0 {
            return None;
        }
        let runtime = watched.runtime();
        let mut tasks = match census_of(handle, runtime, tokio_ids::current_task()) {
            Ok(tasks) => tasks,
            Err(reason) => return Some(Err(reason)),
        };
        {
            let answered = lock(&ANSWERED);
            let answered = answered.as_ref().and_then(|all| all.get(&runtime.index()));
            tasks.retain(|task| {
                answered.is_none_or(|answered| !answered.tasks.contains(&task.id))
                    && !is_about_to_go_on(task, runtime.is_current_thread())
            });
        }
        let mut found = match still_alive(handle, tasks) {
            Ok((found, _)) => found,
            Err(reason) => return Some(Err(reason)),
        };
        found.retain(|found| !self.rules.iter().any(|rule| rule.matches_unseen(found)));
        Some(Ok(found))
    }
}

/// How many tasks no guard has answered for.
fn counted(handle: &Handle) -> usize {
    let watched = Watched::in_all(handle);
    let answered = lock(&ANSWERED);
    let answered = answered.as_ref();
    let answered = answered.and_then(|all| all.get(&watched.runtime().index()));
    let known = answered.map_or(0, |answered| answered.tasks.len() + answered.unnamed);
    watched.unseen().saturating_sub(known)
}

fn note_untold(handle: &Handle, reason: &Unavailable) {
    let count = counted(handle);
    if count > 0 {
        crate::note::say(format_args!(
            "{count} tasks are alive at exit that taskleak did not see spawned. Whether they may be cannot be told: {reason}"
        ));
    }
}

/// Of tasks on a current-thread runtime, which nobody runs any more: what they wait for may have come meanwhile.
fn note_unsure(tasks: &[Found]) {
    if tasks.is_empty() {
        return;
    }
    let names: BTreeSet<_> = tasks
        .iter()
        .map(|found| found.task.sight.name.as_str())
        .collect();
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    crate::note::say(format_args!(
        "alive at exit on a current-thread runtime, and nobody tracked them: {}. Whether they could end if somebody ran \
         it cannot be told; end a guard inside of it to know.",
        names.join(", ")
    ));
}

fn has_no_waker(found: &Found) -> bool {
    found.task.sight.state == SeenState::NoWaker
}

fn test_of(task: &Found) -> Option<String> {
    let frames = task.spawned_by?.user_frames();
    frames.last().map(|frame| frame.function().to_owned())
}

/// Whether the task is about to end, or would go on if its runtime were run: a current-thread one nobody runs any more.
fn is_about_to_go_on(task: &SeenTask, is_current_thread: bool) -> bool {
    match task.sight.state {
        SeenState::NoWaker | SeenState::Parked | SeenState::Unknown => false,
        SeenState::Cancelled | SeenState::Complete => true,
        SeenState::Runnable | SeenState::Running => is_current_thread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_kept(handle: &Handle) -> bool {
        let number = tokio_ids::runtime(handle);
        lock(&KEPT)
            .iter()
            .any(|kept| tokio_ids::runtime(kept) == number)
    }

    /// None is kept and none is forgotten, where each would seem to be gone as soon as the next one is met.
    #[test]
    fn where_nobody_can_tell_what_lives_nothing_is_kept() {
        let build = || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
        };
        let (untold, told) = (build(), build());
        keep_if_told(untold.handle(), |_| None);
        assert!(!is_kept(untold.handle()));
        keep_if_told(told.handle(), |_| Some(2));
        assert!(is_kept(told.handle()));
    }
}
