//! A task's stay in the registry, from its spawn to its end whatever way it ends.

use super::attention::{self, Flag};
use super::entered::{Entered, enter, enter_drop};
use super::events;
use super::extras;
use super::ledger::{self, Outcome};
use super::local::{self, Local};
use super::origin::{Origin, OriginId};
use super::runtimes::TrackedRuntime;
use super::scope::{Scope, by_index};
use super::slot::{Begun, Birth, Slot, flag};
use super::spawner::{Spawner, Spec};
use super::{TaskKind, current, ends, judges, pool, timebox, tokio_ids};
use crate::stack::Stack;
use std::panic::Location;

/// Owns a task's record: the record lives as long as the entry. It is kept beside the future, so
/// that a completed, panicked, aborted or never polled task all end it the same way.
pub(crate) struct Entry {
    slot: &'static Slot,
}

impl Entry {
    /// Registers a task that is about to be spawned by the running code, on the runtime that
    /// `runtime` tells: exactly if it is given true, else the likely one will do.
    #[inline]
    pub(crate) fn begin(
        spec: Spec,
        runtime: impl FnOnce(bool) -> Option<&'static TrackedRuntime>,
    ) -> Self {
        let parent = current::task();
        let judged = judges::any();
        let runtime = runtime(judged);
        if judged {
            Self::begin_judged(spec, parent, runtime)
        } else {
            Self::begin_unjudged(spec, parent, runtime)
        }
    }

    /// Registers a task that is about to be spawned by the running code where it runs, all in all
    /// in one go: if nobody answers for it, its thread has spawned its like before, and nothing has
    /// to be waited for. Otherwise it does nothing.
    #[inline(always)]
    pub(crate) fn begin_plain(spec: &Spec) -> Option<Self> {
        let begin = |local: &Local| begin_plain(local, spec.location, spec.type_name, spec.name);
        local::with(begin).flatten().map(|slot| Self { slot })
    }

    fn begin_judged(
        spec: Spec,
        parent: Option<&'static Slot>,
        runtime: Option<&'static TrackedRuntime>,
    ) -> Self {
        let scope = current::admit(parent, runtime, spec.background);
        let counted = spec.kind == TaskKind::Task;
        let spawner = Spawner::of(parent, spec.location);
        Self::record(spec, &spawner, scope, runtime, counted)
    }

    /// With nobody judging, only a scope that has closed can be inherited.
    fn begin_unjudged(
        spec: Spec,
        parent: Option<&'static Slot>,
        runtime: Option<&'static TrackedRuntime>,
    ) -> Self {
        let scope =
            parent.and_then(|parent| current::admit(Some(parent), runtime, spec.background));
        let spawner = Spawner::of(parent, spec.location);
        Self::record(spec, &spawner, scope, runtime, false)
    }

    /// Registers a task of which its runtime's hook tells that it was just spawned by the running
    /// code. The runtime counts it already, whether anybody judges or not.
    #[cfg(tokio_unstable)]
    pub(super) fn begin_hooked(spec: Spec, runtime: Option<&'static TrackedRuntime>) -> Self {
        let parent = current::task();
        // With nobody judging and no parent there is no scope to be in.
        let scope = if judges::any() || parent.is_some() {
            current::admit(parent, runtime, spec.background)
        } else {
            None
        };
        let spawner = Spawner::of(parent, spec.location);
        let entry = Self::record(spec, &spawner, scope, runtime, true);
        entry.to_be_counted().count();
        entry
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
            None if spawner.parent == 0 => runtime.and_then(|runtime| {
                let stack = || Stack::from_bits(spawner.stack);
                current::admit_by_owner(runtime, stack, spec.background)
            }),
            None => None,
        };
        let counted = tokio_ids::may_be_in_task();
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
        if scope.is_some() {
            flags |= flag::SCOPED;
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
        let origin = origin.intern();
        let slot = pool::take();
        let attached = spec.extras.map(|extras| extras::set(slot, extras));
        if attached.is_some() {
            flags |= flag::EXTRAS;
        }
        ledger::count_started(origin, attached.as_deref());
        slot.occupy(&Birth {
            origin,
            stack: spawner.stack,
            scope: scope.map_or(0, Scope::index),
            runtime: runtime.map_or(0, TrackedRuntime::index),
            flags,
            parent: spawner.parent,
        });
        if events::starts_are_wanted() {
            events::tell_start(slot, attached);
        }
        Self { slot }
    }

    /// What is left to do once the runtime knows of the task.
    #[inline]
    pub(crate) fn to_be_counted(&self) -> ToBeCounted {
        let counted = self.slot.flags() & flag::COUNTED != 0;
        ToBeCounted(counted.then(|| self.slot.runtime_entry()).flatten())
    }

    /// Whether anybody answers for the task, counts it, or has more of it than its record.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.slot.scope() != 0 || self.slot.flags() & (flag::COUNTED | flag::EXTRAS) != 0
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

    /// Whether it was a hooked task's before its future was found to be marked.
    #[cfg(tokio_unstable)]
    pub(super) fn was_claimed(&self) -> bool {
        self.slot.flags() & flag::CLAIMED != 0
    }

    #[inline]
    pub(crate) fn slot(&self) -> &'static Slot {
        self.slot
    }

    /// Makes the task the current one for one poll; see [`enter`].
    #[inline]
    pub(crate) fn enter(&self) -> (Entered, Begun) {
        enter(self.slot)
    }

    /// Makes the task the current one while its future is dropped.
    #[inline]
    pub(crate) fn enter_drop(&self) -> Entered {
        enter_drop(self.slot)
    }
}

/// See [`Entry::begin_plain`]. Told in words that fit into registers, and in the crate once. What the
/// thread keeps is told by the caller: to ask for it takes, in a library, what counts as a call.
#[inline(never)]
fn begin_plain(
    local: &Local,
    location: &'static Location<'static>,
    type_name: &'static str,
    name: Option<&'static str>,
) -> Option<&'static Slot> {
    let attention = attention::now();
    if !attention.leaves_spawns_plain() {
        return None;
    }
    let task = local.task.get();
    if task.is_some_and(|task| task.scope() != 0 || task.flags() & flag::HOSTS_GUARD != 0) {
        return None;
    }
    let origin = plain_origin(task, location, type_name, name);
    let Some(known) = local.origins.find(&origin) else {
        return begin_plain_beside(local, location, type_name, name);
    };
    let tally = known.tally?;
    // A thread that is ending has none, nor has it counters.
    let slot = local.slots.pop()?;
    tally.count_started();
    // What has to be asked for comes last: little has to be kept meanwhile.
    slot.prepare(&Birth {
        origin: known.id,
        stack: 0,
        scope: 0,
        runtime: 0,
        flags: origin.kind.to_bits(),
        parent: task.map_or(0, |task| task.id().to_bits()),
    });
    slot.come_to_life(match task.map_or(0, Slot::runtime_index) {
        0 => local.last_asked.likely(),
        runtime => runtime,
    });
    if attention.has(Flag::Starts) {
        events::tell_start(slot, None);
    }
    Some(slot)
}

#[inline(always)]
fn plain_origin(
    parent: Option<&'static Slot>,
    location: &'static Location<'static>,
    type_name: &'static str,
    name: Option<&'static str>,
) -> Origin {
    Origin {
        parent: parent.map_or(OriginId::ROOT, Slot::origin),
        location,
        type_name,
        name,
        kind: TaskKind::Task,
    }
}

/// The rest of it where another origin was in its place. In a function of its own, which nothing comes after, so
/// that the other has nothing to keep for it.
#[inline(never)]
fn begin_plain_beside(
    local: &Local,
    location: &'static Location<'static>,
    type_name: &'static str,
    name: Option<&'static str>,
) -> Option<&'static Slot> {
    let origin = plain_origin(local.task.get(), location, type_name, name);
    if !local.origins.bring_forward(&origin) {
        return None;
    }
    begin_plain(local, location, type_name, name)
}

/// The scope need not wait for the task any more: a guard saw its future end, although the runtime
/// has yet to notice. For the same callers.
pub(crate) fn settle(slot: &'static Slot) {
    if let Some(scope) = by_index(slot.leave_scope()) {
        scope.leave(slot.flags() & flag::BACKGROUND != 0);
    }
}

/// The runtime counts this local task among the alive ones. For its spawner, while it lives.
pub(crate) fn is_counted(slot: &'static Slot) {
    if let Some(runtime) = slot.runtime_entry() {
        slot.set_flags(flag::COUNTED, 0);
        runtime.count(1);
    }
}

/// A task that is not yet among the tracked ones of its runtime.
///
/// It is only once the runtime counts it among the alive ones: were it the other way round, one that
/// nobody tracked would seem to be tracked meanwhile, and a guard that looks just then miss it. It is
/// as well if its spawn panics, since its end takes it off the count in any case.
#[must_use = "a task that is not counted looks like one that nobody tracked"]
pub(crate) struct ToBeCounted(Option<&'static TrackedRuntime>);

impl ToBeCounted {
    #[inline]
    pub(crate) fn count(self) {
        drop(self);
    }
}

impl Drop for ToBeCounted {
    #[inline]
    fn drop(&mut self) {
        if let Some(runtime) = self.0 {
            runtime.count(1);
        }
    }
}

/// Ends a task of which nobody knows but its slot, which is given back. It is counted before it leaves the live
/// set, as in [`leave`].
#[inline(always)]
fn leave_and_give_back(local: &Local, slot: &'static Slot, outcome: Outcome) {
    if attention::now().is_drawn_to_ends() {
        return leave_noticed(local, slot, outcome);
    }
    let Some(tally) = local.counters.known_tally(slot.origin()) else {
        return leave_otherwise(slot, outcome);
    };
    tally.count_ended(outcome);
    slot.vacate();
    if slot.has_requests() || slot.is_used_up() || !local.slots.push(slot) {
        give_back(slot);
    }
}

/// The rest of it where somebody wants to know of the end.
#[inline(never)]
fn leave_noticed(local: &Local, slot: &'static Slot, outcome: Outcome) {
    match local.counters.known_tally(slot.origin()) {
        Some(tally) => tally.count_ended(outcome),
        None => ledger::count_ended(slot.origin(), None, outcome),
    }
    if events::ends_are_wanted() {
        events::tell_end(slot, None);
    }
    slot.vacate();
    slot.end_requests(slot.last_id());
    ends::tell();
    if slot.is_used_up() || !local.slots.push(slot) {
        pool::give_back(slot);
    }
}

/// The rest of it where the thread has to ask others.
#[cold]
#[inline(never)]
fn leave_otherwise(slot: &'static Slot, outcome: Outcome) {
    ledger::count_ended(slot.origin(), None, outcome);
    slot.vacate();
    give_back(slot);
}

/// Gives a slot back that was vacated, after who looks at the task was seen to.
#[cold]
#[inline(never)]
fn give_back(slot: &'static Slot) {
    slot.end_requests(slot.last_id());
    pool::give_back(slot);
}

/// A task with any of these leaves traces elsewhere too.
const TRACES: u32 = flag::SCOPED | flag::COUNTED | flag::EXTRAS | flag::HOSTS_GUARD;

impl Drop for Entry {
    #[inline(always)]
    fn drop(&mut self) {
        let slot = self.slot;
        if local::with(|local| end(local, slot)).is_none() {
            leave(slot);
        }
    }
}

/// By value, so that whoever drops an entry need not put it into memory.
#[inline(never)]
fn end(local: &Local, slot: &'static Slot) {
    let flags = slot.flags();
    if flags & TRACES != 0 {
        leave(slot);
    } else {
        leave_and_give_back(local, slot, Outcome::of(flags));
    }
}

/// Ends a task that others than its slot know of.
#[inline(never)]
fn leave(slot: &'static Slot) {
    let flags = slot.flags();
    if flags & flag::COUNTED != 0
        && let Some(runtime) = slot.runtime_entry()
    {
        runtime.count(-1);
    }
    let attached = (flags & flag::EXTRAS != 0)
        .then(|| extras::get(slot))
        .flatten();
    if let Some(attached) = &attached {
        timebox::end(slot, attached);
    }
    let id = slot.id();
    if flags & flag::HOSTS_GUARD != 0 {
        current::forget_host(id);
    }
    let scope = by_index(slot.scope());
    // Who does not find it in the live set any more finds its end counted, and in the queue.
    ledger::count_ended(slot.origin(), attached.as_deref(), Outcome::of(flags));
    if events::ends_are_wanted() {
        events::tell_end(slot, attached.clone());
    }
    // First out of the live set, then out of the scope: a guard that sees its scope empty finds
    // nothing when it looks. Until then the membership keeps the scope from being used again.
    slot.vacate();
    slot.end_requests(id);
    if attached.is_some() {
        extras::remove(slot);
    }
    ends::tell();
    if let Some(scope) = scope {
        if TaskKind::from_bits(flags) == TaskKind::Blocking && scope.is_assisted() {
            // It may have aborted tasks on its way, which only the guard can let end.
            scope.gate().notify();
        }
        scope.leave(flags & flag::BACKGROUND != 0);
    }
    pool::give_back(slot);
}
