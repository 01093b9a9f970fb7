//! A hooked task that turns out to be one which its spawner marked by [`Track`](crate::Track).

use super::entry::{Spawner, Spec};
use super::origin::Origin;
use super::scope::by_index;
use super::slot::{Slot, flag};
use super::{Scope, TaskKind, extras};

/// Makes the hooked task that is being polled what its mark says, so that it is one task, known as
/// it would be without hooks. Does nothing to any
/// other task, nor to one that was claimed before.
pub(crate) fn claim(task: &'static Slot, spec: Spec, spawner: Spawner) {
    if TaskKind::from_bits(task.flags()) != TaskKind::Hooked {
        return;
    }
    let Spawner {
        scope,
        parent,
        origin,
        stack,
    } = spawner;
    let mut flags = spec.kind.to_bits();
    if let Some(extras) = spec.extras {
        extras::set(task, *extras);
        flags |= flag::EXTRAS;
    }
    let (parent, birth) = if parent == task.id().to_bits() {
        // Marked inside the task itself: the mark says what the task does, not who spawned it.
        (task.parent(), task.origin().get().copied())
    } else {
        (parent, None)
    };
    let origin = Origin {
        parent: birth.map_or(origin, |birth| birth.parent),
        location: birth.map_or(spec.location, |birth| birth.location),
        type_name: spec.type_name,
        name: spec.name,
        kind: spec.kind,
    };
    let stack = if birth.is_some() { task.stack() } else { stack };
    task.set_birth(origin.intern(), stack, parent);
    task.set_flags(flags, flag::KIND);
    if let Some(seat) = scope
        && seat.0.index() != task.scope()
    {
        // Into the one scope before out of the other: the task is always somebody's.
        let former = task.change_scope(seat.give(false).index());
        if let Some(former) = by_index(former) {
            Scope::leave(former, false);
        }
    }
}
