//! A hooked task that turns out to be one which its spawner marked by [`Track`](crate::Track).

use super::entry::Entry;
use super::origin::Origin;
use super::scope::by_index;
use super::slot::{Slot, flag};
use super::spawner::{Spawner, Spec};
use super::{Scope, TaskId, TaskKind, extras, ledger};

/// Makes the hooked task that is being polled what its mark says, so that it is one task, known as it
/// would be without hooks. Who is given its entry is the one that ends it, or gives it back to the
/// hooks ([`give_back`]). None if it is any other task, or was claimed before.
pub(crate) fn claim(task: &'static Slot, spec: Spec, spawner: Spawner) -> Option<Entry> {
    if TaskKind::from_bits(task.flags()) != TaskKind::Hooked {
        return None;
    }
    let entry = take(task)?;
    let Spawner {
        scope,
        parent,
        origin,
        stack,
    } = spawner;
    let (former, id) = (task.origin(), task.id().to_bits());
    let own_parent = task.parent().map_or(0, TaskId::to_bits);
    // Marked inside the task itself: the mark says what the task does, not who spawned it.
    let birth = former.get().filter(|_| parent == id);
    let origin = Origin {
        parent: birth.map_or(origin, |birth| birth.parent),
        location: birth.map_or(spec.location, |birth| birth.location),
        type_name: spec.type_name,
        name: spec.name,
        kind: spec.kind,
    };
    let origin = origin.intern();
    let attached = spec.extras.map(|extras| extras::set(task, extras));
    ledger::move_started(former, origin, attached.as_deref());
    let kept = flag::SCOPED | flag::COUNTED | flag::HOSTS_GUARD;
    let mut flags = (task.flags() & kept) | spec.kind.to_bits() | flag::CLAIMED;
    if attached.is_some() {
        flags |= flag::EXTRAS;
    }
    if scope.is_some() {
        flags |= flag::SCOPED;
    }
    let (stack, parent) = if birth.is_some() {
        (task.stack(), own_parent)
    } else {
        (stack, parent)
    };
    task.begin_anew(origin, stack, parent, flags);
    if let Some(seat) = scope
        && seat.0.index() != task.scope()
    {
        // Into the one scope before out of the other: the task is always somebody's.
        let former = task.change_scope(seat.give(false).index());
        if let Some(former) = by_index(former) {
            Scope::leave(former, false);
        }
    }
    Some(entry)
}

#[cfg(tokio_unstable)]
fn take(task: &'static Slot) -> Option<Entry> {
    super::hooked::take_polled(task)
}

#[cfg(not(tokio_unstable))]
fn take(_: &'static Slot) -> Option<Entry> {
    None
}

/// Ends an entry, or gives it back to the hooks if it was claimed and its task goes on.
#[inline]
pub(crate) fn give_back(entry: Entry) {
    #[cfg(tokio_unstable)]
    super::hooked::give_back(entry);
    #[cfg(not(tokio_unstable))]
    drop(entry);
}
