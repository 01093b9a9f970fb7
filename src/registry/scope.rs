//! Scopes: what one guard or one test answers for.

use super::current::Place;
use super::gate::{Count, Gate};
use super::life::{IsOver, Life};
use super::runtimes::TrackedRuntime;
use crate::registry::TaskInfo;
use crate::table::Table;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use tokio::runtime::Handle;

static SCOPES: Table<Scope> = Table::new();
static FREE: Mutex<Free> = Mutex::new(Free {
    scopes: Vec::new(),
    made: 0,
});

/// What was around each scope that was closed out of order, or far from where it was opened: the
/// scope itself may have begun its next life by the time it is passed over. Few, and kept for good.
static LEFT_BEHIND: Mutex<Option<HashMap<ScopeRef, ScopeRef>>> = Mutex::new(None);

struct Free {
    scopes: Vec<&'static Scope>,
    made: u32,
}

/// What one guard or one `#[leak_test]` answers for; inherited by every task spawned inside it.
///
/// Scopes live in a table and are used again: one is free for its next life when its guard has
/// closed it and its last task has left. Tasks name their scope by index (they keep it from being
/// used again), everybody else by [`ScopeRef`].
pub(crate) struct Scope {
    index: u32,
    life: Life,
    /// Whether a guard may have to poll this scope's tasks itself (see `task::assisted`).
    assisted: AtomicBool,
    /// Whether it remembers the tasks that a runtime's shutdown kills.
    keeps_killed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    label: Arc<str>,
    outer: ScopeRef,
    /// Where it was opened, and on which thread.
    place: Place,
    thread: Option<ThreadId>,
    /// No guard's: it takes what no guard answers for.
    stray: bool,
    /// Tasks that a runtime's shutdown killed, if they are kept.
    killed: Vec<TaskInfo>,
    /// The runtimes whose alive count the scope answers for.
    runtimes: Vec<Watched>,
    /// Whether it was opened on one whose count it does not answer for.
    uncounted: bool,
}

/// A runtime whose alive count a scope watches.
#[derive(Clone)]
pub(crate) struct Watched {
    runtime: &'static TrackedRuntime,
    handle: Handle,
    /// How many alive tasks nobody tracked when the scope began to watch.
    baseline: usize,
}

impl Watched {
    /// From the runtime's beginning on.
    pub(crate) fn in_all(handle: &Handle) -> Self {
        Self {
            runtime: TrackedRuntime::of(handle),
            handle: handle.clone(),
            baseline: 0,
        }
    }

    /// Without the tasks that are there now.
    pub(crate) fn beside_what_is_there(mut self) -> Self {
        self.baseline = self.unseen();
        self
    }

    pub(crate) fn runtime(&self) -> &'static TrackedRuntime {
        self.runtime
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How many tasks that nobody tracked were alive when the scope began to watch.
    pub(crate) fn baseline(&self) -> usize {
        self.baseline
    }

    /// How many tasks are alive that nobody tracked and that were not there at the beginning.
    /// May be too high for a moment: the runtime counts a task's end late.
    pub(crate) fn unseen(&self) -> usize {
        // Tasks come and go meanwhile. A number too high is looked at again, one too low is a miss:
        // so of those tracked before and after, the fewer.
        let before = self.runtime.tracked();
        let alive = self.handle.metrics().num_alive_tasks();
        alive
            .saturating_sub(before.min(self.runtime.tracked()))
            .saturating_sub(self.baseline)
    }
}

/// Names one life of a scope; a stale one finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) struct ScopeRef {
    index: u32,
    generation: u32,
}

impl ScopeRef {
    pub(crate) const NONE: Self = Self {
        index: 0,
        generation: 0,
    };

    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self {
            index: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The scope, while it is open.
    pub(crate) fn open(self) -> Option<&'static Scope> {
        let scope = by_index(self.index)?;
        (scope.life.generation() == self.generation).then_some(scope)
    }

    /// This scope or the innermost one around it that is still open.
    pub(crate) fn innermost_open(self) -> Self {
        let mut scope = self;
        while !scope.is_none() && scope.open().is_none() {
            scope = scope.outer();
        }
        scope
    }

    /// The scope around this one; none if this life of the scope is over and forgotten.
    pub(crate) fn outer(self) -> Self {
        let left_behind = LEFT_BEHIND
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .and_then(|outers| outers.get(&self).copied());
        left_behind.unwrap_or_else(|| {
            by_index(self.index)
                .filter(|scope| scope.life.generation().wrapping_sub(self.generation) <= 1)
                .map_or(Self::NONE, |scope| scope.lock().outer)
        })
    }

    /// Remembers what was around a scope that is closed while some place goes on naming it.
    pub(super) fn leave_behind(self, outer: Self) {
        if !outer.is_none() {
            LEFT_BEHIND
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert_default()
                .insert(self, outer);
        }
    }

    /// Enters a task that was not let in by one of the scope's own, if the scope is still open.
    pub(super) fn admit(self, background: bool) -> Option<&'static Scope> {
        let scope = by_index(self.index)?;
        match scope.life.admit(self.generation, background) {
            Ok(()) => Some(scope),
            Err(is_over) => {
                scope.free_if(is_over);
                None
            }
        }
    }
}

/// The tasks of all scopes for strays that were killed by their runtime's shutdown.
pub(crate) fn all_killed_by_strays() -> Vec<TaskInfo> {
    SCOPES
        .iter()
        .filter(|scope| scope.lock().stray)
        .flat_map(Scope::take_killed)
        .collect()
}

/// The scope of a task's record. Index 0 is no scope.
#[inline]
pub(crate) fn by_index(index: u32) -> Option<&'static Scope> {
    SCOPES.get(index.checked_sub(1)?)
}

impl Scope {
    fn vacant(index: u32) -> Self {
        Self {
            index: index + 1,
            life: Life::new(),
            assisted: AtomicBool::new(false),
            keeps_killed: AtomicBool::new(false),
            state: Mutex::new(State {
                label: Arc::from(""),
                outer: ScopeRef::NONE,
                place: Place::Thread,
                thread: None,
                stray: false,
                killed: Vec::new(),
                runtimes: Vec::new(),
                uncounted: false,
            }),
        }
    }

    /// Opens a scope; whoever opens it closes it.
    pub(crate) fn open(label: Arc<str>, outer: ScopeRef, place: Place) -> ScopeRef {
        let scope = {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.scopes.is_empty() {
                let chunk = SCOPES.grow(free.made, Scope::vacant);
                free.made += u32::try_from(chunk.len()).expect("a chunk's length fits its index");
                free.scopes.extend(chunk.iter().rev());
            }
            free.scopes.pop().expect("the free list was just refilled")
        };
        super::judges::enter();
        scope.assisted.store(false, Relaxed);
        scope.keeps_killed.store(false, Relaxed);
        *scope.lock() = State {
            label,
            outer,
            place,
            thread: Some(std::thread::current().id()),
            stray: false,
            killed: Vec::new(),
            runtimes: Vec::new(),
            uncounted: false,
        };
        ScopeRef {
            index: scope.index,
            generation: scope.life.begin(),
        }
    }

    /// Lets nobody in any more who was not let in by one of the scope's own tasks.
    pub(crate) fn close(&self) {
        super::judges::leave();
        // Taken as long as the scope cannot have begun its next life.
        let runtimes = std::mem::take(&mut self.lock().runtimes);
        drop(runtimes);
        self.free_if(self.life.end());
    }

    fn free_if(&self, IsOver(is_over): IsOver) {
        if is_over {
            let killed = std::mem::take(&mut self.lock().killed);
            drop(killed);
            FREE.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .scopes
                .push(by_index(self.index).expect("a scope is in its own table"));
        }
    }

    pub(super) fn leave(&self, background: bool) {
        self.free_if(self.life.leave(background));
    }

    /// Counts the scope's tasks, and wakes who waits for them.
    pub(crate) fn gate(&self) -> &Gate {
        &self.life.gate
    }

    pub(crate) fn count(&self) -> Count {
        self.gate().count()
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// The scope's present life.
    pub(crate) fn reference(&self) -> ScopeRef {
        // A closed scope that still has tasks is named by the life that they were spawned in.
        let generation = self.life.generation();
        ScopeRef {
            index: self.index,
            generation: generation.wrapping_sub(1 - generation % 2),
        }
    }

    /// What the scope is called: the test's name.
    pub(crate) fn label(&self) -> Arc<str> {
        self.lock().label.clone()
    }

    /// Where it was opened.
    pub(crate) fn place(&self) -> Place {
        self.lock().place
    }

    /// Whether it was opened on the thread that asks.
    pub(super) fn was_opened_here(&self) -> bool {
        self.lock().thread == Some(std::thread::current().id())
    }

    pub(crate) fn is_assisted(&self) -> bool {
        self.assisted.load(Relaxed)
    }

    pub(crate) fn set_assisted(&self) {
        self.assisted.store(true, Release);
    }

    /// Watches the alive count of a runtime.
    pub(crate) fn watch(&self, watched: Watched) {
        self.lock().runtimes.push(watched);
    }

    /// The runtime that it was opened on may be others' too: it watches no count there.
    pub(crate) fn leave_uncounted(&self) {
        self.lock().uncounted = true;
    }

    /// Whether there is a runtime whose count it does not answer for, or not any more. A scope around it may.
    pub(crate) fn is_uncounted(&self) -> bool {
        let own = self.reference();
        let state = self.lock();
        let is_lost = |watched: &Watched| watched.runtime.owner() != own;
        state.outer.is_none() && (state.uncounted || state.runtimes.iter().any(is_lost))
    }

    /// The runtimes that are watched and have turned out to be this scope's alone.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        let own = self.reference();
        let watched = self.lock().runtimes.clone();
        watched
            .into_iter()
            .filter(|watched| watched.runtime.owner() == own)
            .collect()
    }

    /// A scope for the tasks of a thread that no guard answers for; it stays open for ever.
    pub(super) fn open_for_strays(label: Arc<str>) -> ScopeRef {
        let reference = Self::open(label, ScopeRef::NONE, Place::Thread);
        if let Some(scope) = reference.open() {
            scope.lock().stray = true;
            scope.keep_killed();
        }
        reference
    }

    /// Whether no guard has given its verdict on the scope: it is for strays, or still open.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.life.generation() % 2 == 1
    }

    /// Whether it takes what no guard answers for.
    pub(crate) fn is_for_strays(&self) -> bool {
        self.lock().stray
    }

    /// From now on it remembers the tasks that a runtime's shutdown kills.
    pub(crate) fn keep_killed(&self) {
        self.keeps_killed.store(true, Relaxed);
    }

    pub(crate) fn keeps_killed(&self) -> bool {
        self.keeps_killed.load(Relaxed)
    }

    pub(crate) fn add_killed(&self, task: TaskInfo) {
        self.lock().killed.push(task);
    }

    pub(crate) fn take_killed(&self) -> Vec<TaskInfo> {
        std::mem::take(&mut self.lock().killed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
