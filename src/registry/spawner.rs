//! What is known of a task before it begins: what is spawned, and by whom.

use super::TaskKind;
use super::attention::{self, One};
use super::current;
use super::extras::Extras;
use super::origin::OriginId;
use super::scope::Scope;
use super::slot::Slot;
use super::timebox::Timebox;
use crate::stack;
use std::panic::Location;

/// From now on (until [`release_backtraces`]) every spawn captures a backtrace: each open guard wants that,
/// and the setting `always`.
pub(crate) fn request_backtraces() {
    attention::enter(One::Backtraces);
}

pub(crate) fn release_backtraces() {
    attention::leave(One::Backtraces);
}

#[inline]
pub(crate) fn backtraces_are_wanted() -> bool {
    attention::now().has_backtraces()
}

/// The stack of a spawn at `location`, if anybody wants it; 0 for none.
#[inline]
fn capture(location: &'static Location<'static>) -> u32 {
    if !backtraces_are_wanted() {
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
    #[inline]
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

    /// Whether it is all told by where the task is spawned.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.kind == TaskKind::Task && self.extras.is_none() && !self.background
    }

    /// Whether it is aborted when its time box is over.
    pub(crate) fn is_aborted_in_time(&self) -> bool {
        let extras = self.extras.as_ref();
        extras
            .and_then(|extras| extras.timebox)
            .is_some_and(Timebox::aborts)
    }
}

/// Who spawns, where it can be told only later that a task was spawned.
pub(crate) struct Spawner {
    /// The scope that waits for the task until then: it may be queued on another thread.
    pub(super) scope: Option<Seat>,
    pub(super) parent: u64,
    pub(super) origin: OriginId,
    pub(super) stack: u32,
}

impl Spawner {
    /// The running code, which marks a task at `location`.
    pub(crate) fn here(location: &'static Location<'static>) -> Self {
        Self {
            scope: current::scope().innermost_open().admit(false).map(Seat),
            ..Self::of(current::task(), location)
        }
    }

    #[inline]
    pub(super) fn of(parent: Option<&'static Slot>, location: &'static Location<'static>) -> Self {
        Self {
            scope: None,
            parent: parent.map_or(0, |parent| parent.id().to_bits()),
            origin: parent.map_or(OriginId::ROOT, Slot::origin),
            stack: capture(location),
        }
    }
}

/// A seat in a scope, kept for a task that is not known yet.
pub(super) struct Seat(pub(super) &'static Scope);

impl Seat {
    /// The task has come: the seat is its own from now on, as a member of that kind.
    pub(super) fn give(self, background: bool) -> &'static Scope {
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
