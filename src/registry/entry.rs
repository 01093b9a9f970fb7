//! A task's stay in the registry, from its spawn to its end whatever way it ends.

use super::extras::{self, Extras};
use super::origin::{Origin, OriginId};
use super::pins::Pins;
use super::runtimes::{TrackedRuntime, id_number};
use super::scope::{Scope, by_index};
use super::slot::{Birth, Reading, Slot, flag};
use super::{TaskKind, current, judges, pool};
use crate::stack;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

/// How many want spawn backtraces: each open guard, and the setting `always`.
static BACKTRACES: AtomicUsize = AtomicUsize::new(0);

/// From now on (until [`release_backtraces`]) every spawn captures a backtrace.
pub(crate) fn request_backtraces() {
    BACKTRACES.fetch_add(1, Relaxed);
}

pub(crate) fn release_backtraces() {
    BACKTRACES.fetch_sub(1, Relaxed);
}

/// The stack of a spawn at `location`, if anybody wants it; 0 for none.
fn capture(location: &'static Location<'static>) -> u32 {
    if BACKTRACES.load(Relaxed) == 0 {
        return 0;
    }
    stack::capture_at(location).map_or(0, stack::Stack::to_bits)
}

/// What the spawner says of a task.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) kind: TaskKind,
    pub(crate) location: &'static Location<'static>,
    pub(crate) type_name: &'static str,
    /// A name that is the same for all tasks of this place.
    pub(crate) name: Option<&'static str>,
    pub(crate) extras: Option<Box<Extras>>,
    pub(crate) background: bool,
}

impl Spec {
    pub(crate) fn new(
        kind: TaskKind,
        location: &'static Location<'static>,
        type_name: &'static str,
    ) -> Self {
        Self {
            kind,
            location,
            type_name,
            name: None,
            extras: None,
            background: false,
        }
    }
}

/// Who spawns, where it can be told only later that a task was spawned.
pub(crate) struct Spawner {
    /// The scope that waits for the task until then: it may be queued on another thread.
    scope: Option<Seat>,
    parent: u64,
    origin: OriginId,
    stack: u32,
}

impl Spawner {
    /// The running code, which marks a task at `location`.
    pub(crate) fn here(location: &'static Location<'static>) -> Self {
        let parent = current::task();
        Self {
            scope: current::scope().innermost_open().admit(false).map(Seat),
            parent: parent.map_or(0, |parent| parent.id().to_bits()),
            origin: parent.map_or(OriginId::ROOT, Slot::origin),
            stack: capture(location),
        }
    }
}

/// A seat in a scope, kept for a task that is not known yet.
struct Seat(&'static Scope);

impl Seat {
    /// The task has come: the seat is its own from now on, as a member of that kind.
    fn give(self, background: bool) -> &'static Scope {
        let scope = self.0;
        if background {
            scope.gate().enter(true);
        } else {
            std::mem::forget(self);
        }
        scope
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.leave(false);
    }
}

/// Owns a task's record: the record lives as long as the entry. It is kept beside the future, so
/// that a completed, panicked, aborted or never polled task all end it the same way.
pub(crate) struct Entry {
    slot: &'static Slot,
}

impl Entry {
    /// Registers a task that is about to be spawned by the running code, on the runtime that
    /// `runtime` tells when it is given the one that the spawning task runs on, if that will do.
    pub(crate) fn begin(
        spec: Spec,
        runtime: impl FnOnce(Option<&'static TrackedRuntime>) -> Option<&'static TrackedRuntime>,
    ) -> Self {
        let parent = current::task();
        let judged = judges::any();
        // A task may have entered another runtime than its own; only a judge must know.
        let likely = parent
            .filter(|_| !judged)
            .and_then(|parent| parent.runtime_entry());
        Self::begin_on(spec, parent, runtime(likely), judged)
    }

    fn begin_on(
        spec: Spec,
        parent: Option<&'static Slot>,
        runtime: Option<&'static TrackedRuntime>,
        judged: bool,
    ) -> Self {
        // With nobody judging and no parent there is no scope to be in.
        let scope = if judged || parent.is_some() {
            current::admit(parent, runtime, spec.background)
        } else {
            None
        };
        let spawner = Spawner {
            scope: None,
            parent: parent.map_or(0, |parent| parent.id().to_bits()),
            origin: parent.map_or(OriginId::ROOT, Slot::origin),
            stack: capture(spec.location),
        };
        let counted = judged && spec.kind == TaskKind::Task;
        Self::record(spec, &spawner, scope, runtime, counted)
    }

    /// Registers a task of which the first poll begins now, on `runtime`.
    pub(crate) fn begin_by(
        spec: Spec,
        mut spawner: Spawner,
        runtime: Option<&'static TrackedRuntime>,
    ) -> Self {
        let scope = match spawner.scope.take() {
            Some(seat) => Some(seat.give(spec.background)),
            // Marked on a plain thread: as a task that is spawned there.
            None if spawner.parent == 0 => {
                runtime.and_then(|runtime| runtime.owner().admit(spec.background))
            }
            None => None,
        };
        let counted = tokio::task::try_id().is_some();
        let entry = Self::record(spec, &spawner, scope, runtime, counted);
        entry.to_be_counted().count();
        entry
    }

    fn record(
        spec: Spec,
        spawner: &Spawner,
        scope: Option<&'static Scope>,
        runtime: Option<&'static TrackedRuntime>,
        counted: bool,
    ) -> Self {
        let mut flags = spec.kind.to_bits();
        if spec.background {
            flags |= flag::BACKGROUND;
        }
        if let Some(runtime) = runtime {
            if let Some(scope) = scope {
                runtime.used_by(scope.reference());
            }
            if counted {
                flags |= flag::COUNTED;
            }
        }
        let origin = Origin {
            parent: spawner.origin,
            location: spec.location,
            type_name: spec.type_name,
            name: spec.name,
            kind: spec.kind,
        };
        let slot = pool::take();
        if let Some(extras) = spec.extras {
            extras::set(slot, *extras);
            flags |= flag::EXTRAS;
        }
        slot.occupy(&Birth {
            origin: origin.intern(),
            stack: spawner.stack,
            scope: scope.map_or(0, Scope::index),
            runtime: runtime.map_or(0, TrackedRuntime::index),
            flags,
            parent: spawner.parent,
        });
        Self { slot }
    }

    /// What is left to do once the runtime knows of the task.
    #[inline]
    pub(crate) fn to_be_counted(&self) -> ToBeCounted {
        let counted = self.slot.flags() & flag::COUNTED != 0;
        ToBeCounted(counted.then(|| self.slot.runtime_entry()).flatten())
    }

    /// The scope that answers for the task.
    #[inline]
    pub(crate) fn scope(&self) -> Option<&'static Scope> {
        by_index(self.slot.scope())
    }

    /// Whether the task's runtime has but the one thread that calls `block_on`.
    pub(crate) fn is_on_current_thread_runtime(&self) -> bool {
        self.slot
            .runtime_entry()
            .is_some_and(TrackedRuntime::is_current_thread)
    }

    #[inline]
    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }

    /// Makes the task the current one for one poll; see [`enter`].
    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        enter(self.slot)
    }

    /// The same for a poll by a runtime, which passes the task's own waker. For a judge, notes where
    /// the task's header is: a task's waker points at it.
    #[inline]
    pub(crate) fn enter_with(&self, waker: &Waker) -> Entered {
        let slot = self.slot;
        if judges::any() && !slot.has_header() && is_run_as_it_is(slot.flags()) {
            slot.set_header(waker.data());
        }
        enter(slot)
    }

    /// Makes the task the current one while its future is dropped.
    #[inline]
    pub(crate) fn enter_drop(&self) -> Entered {
        enter_drop(self.slot)
    }
}

/// Whether what tokio runs is the task's future itself: only then does the future last as long as the
/// header that its waker points at. A future that others were to spawn may be a part of theirs.
fn is_run_as_it_is(flags: u32) -> bool {
    matches!(
        TaskKind::from_bits(flags & flag::KIND),
        TaskKind::Task | TaskKind::Local
    )
}

fn pins() -> &'static Pins {
    static PINS: LazyLock<Pins> = LazyLock::new(Pins::new);
    &PINS
}

/// Hands the runtime's header of a live task to `take`, which must be quick: the task cannot end
/// meanwhile. Nothing if the task has ended, or its header is not known: it is known of tasks that
/// were polled while somebody judged.
pub(crate) fn with_header<T>(task: &Reading, take: impl FnOnce(*const ()) -> T) -> Option<T> {
    pins().with_header(task.slot, task.id, take)
}

/// Makes a task the current one for one poll (or for the run of a blocking closure). The caller
/// says [`Entered::returned`] when it came back; if it does not, the task panicked.
///
/// Only for who has the task's future in its hands, and so knows that the task's entry lives.
#[inline]
pub(crate) fn enter(slot: &'static Slot) -> Entered {
    if slot.begin_poll() {
        slot.set_tokio_id(tokio::task::try_id().map_or(0, |id| id_number(&id)));
    }
    enter_drop(slot)
}

/// The same for a poll by a guard, which does not count as one of the task's.
pub(crate) fn enter_assisted(slot: &'static Slot) -> Entered {
    slot.begin_assisted_poll();
    enter_drop(slot)
}

/// Makes a task the current one while its future is dropped. For the same callers.
#[inline]
pub(crate) fn enter_drop(slot: &'static Slot) -> Entered {
    Entered {
        outer: current::swap_task(Some(slot)),
        slot,
        _not_send: PhantomData,
    }
}

/// The scope need not wait for the task any more: a guard saw its future end, although the runtime
/// has yet to notice. For the same callers.
pub(crate) fn settle(slot: &'static Slot) {
    if let Some(scope) = by_index(slot.leave_scope()) {
        scope.leave(slot.flags() & flag::BACKGROUND != 0);
    }
}

/// A task that is not yet among the tracked ones of its runtime.
///
/// It is only once the runtime counts it among the alive ones: were it the other way round, one that
/// nobody tracked would seem to be tracked meanwhile, and a guard that looks just then miss it.
#[must_use = "a task that is not counted looks like one that nobody tracked"]
pub(crate) struct ToBeCounted(Option<&'static TrackedRuntime>);

impl ToBeCounted {
    #[inline]
    pub(crate) fn count(self) {
        if let Some(runtime) = self.0 {
            runtime.count(1);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let slot = self.slot;
        let flags = slot.flags();
        if flags & flag::COUNTED != 0
            && let Some(runtime) = slot.runtime_entry()
        {
            runtime.count(-1);
        }
        if flags & flag::EXTRAS != 0 {
            extras::remove(slot);
        }
        if flags & flag::HOSTS_GUARD != 0 {
            current::forget_host(slot.id());
        }
        let scope = self.scope();
        // First out of the live set, then out of the scope: a guard that sees its scope empty finds
        // nothing when it looks. Until then the membership keeps the scope from being used again.
        if slot.has_header() {
            slot.vacate_in_sight();
            pins().wait();
        } else {
            slot.vacate();
        }
        if let Some(scope) = scope {
            if TaskKind::from_bits(flags & flag::KIND) == TaskKind::Blocking && scope.is_assisted()
            {
                // It may have aborted tasks on its way, which only the guard can let end.
                scope.gate().notify();
            }
            scope.leave(flags & flag::BACKGROUND != 0);
        }
        pool::give_back(slot);
    }
}

/// While it lives, the task is the current one.
pub(crate) struct Entered {
    slot: &'static Slot,
    outer: Option<&'static Slot>,
    _not_send: PhantomData<*const ()>,
}

impl Entered {
    /// The poll came back; `completed` says that the task is done.
    #[inline]
    pub(crate) fn returned(self, completed: bool) {
        self.slot
            .set_flags(if completed { flag::COMPLETED } else { 0 }, flag::POLLING);
    }
}

impl Entered {
    /// The task's record ended meanwhile: only what was current before is put back.
    pub(crate) fn abandon(self) {
        current::swap_task(self.outer);
        std::mem::forget(self);
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        current::swap_task(self.outer);
        if self.slot.flags() & flag::POLLING != 0 {
            self.slot.set_flags(flag::PANICKED, flag::POLLING);
        }
    }
}
