//! Which task and which scope the running code belongs to.

use super::local;
use super::runtimes::TrackedRuntime;
use super::scope::{Scope, ScopeRef, by_index};
use super::slot::{Slot, flag};
use crate::stack::{self, Stack};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

thread_local! {
    static SCOPE: Cell<ScopeRef> = const { Cell::new(ScopeRef::NONE) };
}

/// The tracked task that is being polled on this thread.
#[inline]
pub(crate) fn task() -> Option<&'static Slot> {
    local::with(|local| local.task.get()).flatten()
}

/// What is to be written into logs of the running task.
#[cfg(feature = "tracing")]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) operation: super::OperationId,
    pub(crate) location: &'static std::panic::Location<'static>,
}

/// Says what the running task is; none outside of tracked tasks.
#[cfg(feature = "tracing")]
pub(crate) fn description() -> Option<Description> {
    let task = task()?;
    let origin = task.origin();
    let own_name = super::extras::get(task).and_then(|extras| extras.name.clone());
    Some(Description {
        name: own_name.unwrap_or_else(|| origin.name().to_owned()),
        operation: super::OperationId::of(task.id()),
        location: origin.get()?.location,
    })
}

/// Makes `task` the current one; says which was before.
#[inline]
pub(super) fn swap_task(task: Option<&'static Slot>) -> Option<&'static Slot> {
    local::with(|local| local.task.replace(task)).flatten()
}

/// Where a scope was opened, and so where it is current.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Place {
    /// On a thread, outside of any task.
    Thread,
    /// Inside a tracked task, wherever it is polled.
    Tracked(super::TaskId),
    /// Inside a task that is known by tokio's id only.
    Tokio(u64),
}

/// The innermost open scopes of the tasks that opened a guard.
static HOSTS: Mutex<Option<HashMap<Place, ScopeRef>>> = Mutex::new(None);
/// How many entries of [`HOSTS`] are [`Place::Tokio`]: nearly always none, which saves the look-up.
static TOKIO_HOSTS: AtomicUsize = AtomicUsize::new(0);

fn hosts() -> MutexGuard<'static, Option<HashMap<Place, ScopeRef>>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the running code is.
pub(crate) fn place() -> Place {
    match task() {
        Some(slot) => Place::Tracked(slot.id()),
        None => match super::tokio_ids::current_task() {
            Some(id) => Place::Tokio(id),
            None => Place::Thread,
        },
    }
}

/// Makes an open scope the current one at this place.
pub(crate) fn set_scope(place: Place, scope: ScopeRef) {
    if place == Place::Thread {
        let _ = SCOPE.try_with(|current| current.set(scope));
        return;
    }
    if let Some(slot) = task() {
        slot.set_flags(flag::HOSTS_GUARD, 0);
    }
    let before = hosts().get_or_insert_default().insert(place, scope);
    if before.is_none() && matches!(place, Place::Tokio(_)) {
        TOKIO_HOSTS.fetch_add(1, Relaxed);
    }
}

/// Takes a scope that is about to be closed away from its place, so that the one around it is
/// current again. Scopes may be closed in any order and on any thread: what is left behind is passed
/// over when it is found.
pub(crate) fn unset_scope(place: Place, scope: ScopeRef, outer: ScopeRef) {
    if place == Place::Thread {
        let taken = SCOPE.try_with(|current| {
            let is_innermost = current.get() == scope;
            if is_innermost {
                current.set(outer.innermost_open());
            }
            is_innermost
        });
        if taken != Ok(true) {
            scope.leave_behind(outer);
        }
        return;
    }
    let mut hosts = hosts();
    let Some(table) = hosts.as_mut() else { return };
    if table.get(&place) == Some(&scope) {
        let outer = outer.innermost_open();
        if outer.is_none() {
            table.remove(&place);
            if matches!(place, Place::Tokio(_)) {
                TOKIO_HOSTS.fetch_sub(1, Relaxed);
            }
        } else {
            table.insert(place, outer);
        }
    } else {
        scope.leave_behind(outer);
    }
}

/// Forgets a tracked task that hosted a guard.
pub(super) fn forget_host(id: super::TaskId) {
    if let Some(table) = hosts().as_mut() {
        table.remove(&Place::Tracked(id));
    }
}

fn hosted(place: Place) -> ScopeRef {
    hosts()
        .as_ref()
        .and_then(|table| table.get(&place).copied())
        .unwrap_or(ScopeRef::NONE)
        .innermost_open()
}

/// The scope that a task spawned here and now would belong to.
pub(crate) fn scope() -> ScopeRef {
    if let Some(task) = task() {
        if task.flags() & flag::HOSTS_GUARD != 0 {
            let hosted = hosted(Place::Tracked(task.id()));
            if !hosted.is_none() {
                return hosted;
            }
        }
        return by_index(task.scope()).map_or(ScopeRef::NONE, Scope::reference);
    }
    off_task_scope()
}

fn off_task_scope() -> ScopeRef {
    if TOKIO_HOSTS.load(Relaxed) > 0
        && let place @ Place::Tokio(_) = place()
    {
        let hosted = hosted(place);
        if !hosted.is_none() {
            return hosted;
        }
    }
    SCOPE
        .try_with(|current| {
            let scope = current.get();
            if scope.is_none() || scope.open().is_some() {
                return scope;
            }
            let scope = scope.innermost_open();
            current.set(scope);
            scope
        })
        .unwrap_or(ScopeRef::NONE)
}

/// Finds the scope of a new task and enters it there; none if no scope answers for it.
pub(super) fn admit(
    parent: Option<&'static Slot>,
    runtime: Option<&'static TrackedRuntime>,
    background: bool,
) -> Option<&'static Scope> {
    if let Some(parent) = parent {
        if parent.flags() & flag::HOSTS_GUARD != 0
            && let Some(scope) = hosted(Place::Tracked(parent.id())).admit(background)
        {
            return Some(scope);
        }
        // The parent is alive, so its scope is not used again meanwhile, even if it is closed.
        let scope = by_index(parent.scope())?;
        scope.gate().enter(background);
        return Some(scope);
    }
    off_task_scope()
        .admit(background)
        .or_else(|| {
            // Only a thread with a name can be a test's.
            let stack = || test_of_thread().and_then(|_| stack::capture());
            admit_by_owner(runtime?, stack, background)
        })
        .or_else(|| stray_scope().admit(background))
}

/// Enters a task that no scope is nearer to than the one that owns its runtime; `stack` is where it was spawned. A
/// test that libtest runs on a thread of its own spawns for itself: if that is not the owner's thread (which has no
/// nearer scope either while its guard ends), the runtime is shared.
pub(super) fn admit_by_owner(
    runtime: &'static TrackedRuntime,
    stack: impl FnOnce() -> Option<Stack>,
    background: bool,
) -> Option<&'static Scope> {
    let owner = runtime.owner();
    let scope = owner.open()?;
    if is_of_one_test(scope)
        && !scope.was_opened_here()
        && stack().is_some_and(Stack::is_of_test_thread)
    {
        runtime.share();
        return None;
    }
    owner.admit(background)
}

/// Whether the scope was opened where its test runs, not somewhere in a task or on a thread that nobody knows the test
/// of. Code of that test finds the scope itself, without the help of a runtime.
fn is_of_one_test(scope: &Scope) -> bool {
    scope.place() == Place::Thread && !scope.label().contains(' ')
}

/// Whether tasks that no guard answers for are to be answered for at exit.
static STRAYS: AtomicBool = AtomicBool::new(false);

thread_local! {
    static STRAY_SCOPE: Cell<ScopeRef> = const { Cell::new(ScopeRef::NONE) };
}

/// From now on, a task that no guard answers for belongs to a scope of the thread that spawned it.
pub(crate) fn answer_for_strays() {
    super::judges::enter();
    STRAYS.store(true, Relaxed);
}

fn stray_scope() -> ScopeRef {
    if !STRAYS.load(Relaxed) {
        return ScopeRef::NONE;
    }
    let scope = STRAY_SCOPE.try_with(|stray| {
        if stray.get().is_none() {
            stray.set(Scope::open_for_strays(
                test_of_thread().unwrap_or_else(|| Arc::from("")),
            ));
        }
        stray.get()
    });
    scope.unwrap_or(ScopeRef::NONE)
}

/// The test that libtest runs on this thread, by the thread's name.
pub(crate) fn test_of_thread() -> Option<Arc<str>> {
    let thread = std::thread::current();
    let name = thread.name()?;
    // With one test thread, libtest may run tests on the main one; and no test is called after a
    // runtime's thread.
    let is_test = name != "main" && !name.contains("tokio") && !name.starts_with("taskleak-");
    is_test.then(|| Arc::from(name))
}
