//! Where tasks come from: the tree of spawn sites.
//!
//! An origin is one way a task can come about: spawned at this location, from a task of that origin,
//! with a future of this type. Programs have few of them and spawn millions of tasks, so a task's
//! record holds only the origin's number. The tree outlives the tasks: a report names the parents
//! of a leaked task although they ended long ago.

use super::{Fingerprint, TaskKind};
use crate::table::Table;
use crate::wait::AwaitTrace;
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

static ORIGINS: Table<OnceLock<Origin>> = Table::new();
static NAMES: Table<OnceLock<Box<str>>> = Table::new();
static INTERNED: Mutex<Option<HashMap<Origin, OriginId>>> = Mutex::new(None);

/// The number of an origin. Zero is the root: spawned by no tracked task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OriginId(u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) parent: OriginId,
    pub(crate) location: &'static Location<'static>,
    /// The future's (or closure's) type, as the compiler writes it.
    pub(crate) type_name: &'static str,
    /// A name given at the spawn site that is the same for all its tasks.
    pub(crate) name: Option<&'static str>,
    pub(crate) kind: TaskKind,
}

impl OriginId {
    pub(crate) const ROOT: Self = Self(0);

    pub(super) fn to_bits(self) -> u32 {
        self.0
    }

    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// What its tasks are called that have no name of their own; worked out once.
    pub(crate) fn name(self) -> &'static str {
        let (Some(origin), Some(index)) = (self.get(), self.0.checked_sub(1)) else {
            return "";
        };
        NAMES.grow(index, |_| OnceLock::new());
        NAMES.get(index).map_or("", |name| {
            name.get_or_init(|| origin.task_name().into_boxed_str())
        })
    }

    /// The origin of an index that [`ledger`](super::ledger) counts by.
    pub(crate) fn of_index(index: usize) -> Self {
        Self(index as u32 + 1)
    }

    pub(crate) fn get(self) -> Option<&'static Origin> {
        ORIGINS.get(self.0.checked_sub(1)?)?.get()
    }

    /// The stable number of tasks of this origin that are suspended there, if that is known.
    pub(crate) fn fingerprint(self, awaits: Option<&AwaitTrace>) -> Fingerprint {
        // Every task has an origin; the root is none's.
        self.get().map_or(Fingerprint::UNKNOWN, |origin| {
            Fingerprint::new(origin, awaits)
        })
    }

    /// This origin and those above it, the root left out.
    pub(crate) fn ancestry(self) -> impl Iterator<Item = (Self, &'static Origin)> {
        let with_id = |id: Self| Some((id, id.get()?));
        std::iter::successors(with_id(self), move |(_, origin)| with_id(origin.parent))
    }
}

impl Origin {
    /// The name given at the spawn site, else that of the future's function, else the spawn site.
    pub(super) fn task_name(&self) -> String {
        match self.name {
            Some(name) => name.to_owned(),
            None => super::name::of_type(self.type_name, self.kind)
                .unwrap_or_else(|| super::name::of_place(self.location)),
        }
    }

    /// The number of this origin.
    #[inline]
    pub(super) fn intern(self) -> OriginId {
        // Two spawns in a row from one place are the rule, and comparing four words is far cheaper
        // than hashing a path: so each thread remembers the origins it used last.
        let slot = &RECENT;
        let place = self.place();
        slot.try_with(|recent| {
            if let Some((origin, id)) = recent[place].get()
                && origin.is_same_place(&self)
            {
                return id;
            }
            let id = self.intern_slowly();
            recent[place].set(Some((self, id)));
            id
        })
        .unwrap_or_else(|_| self.intern_slowly())
    }

    #[cold]
    #[inline(never)]
    fn intern_slowly(self) -> OriginId {
        // A task that spawns its own successor is one origin, not a chain that grows for ever.
        let mut above = self.parent;
        while let Some(origin) = above.get() {
            if (Origin {
                parent: origin.parent,
                ..self
            }) == *origin
            {
                return above;
            }
            above = origin.parent;
        }
        let mut interned = INTERNED.lock().unwrap_or_else(PoisonError::into_inner);
        let interned = interned.get_or_insert_default();
        if let Some(&id) = interned.get(&self) {
            return id;
        }
        let index = interned.len() as u32;
        ORIGINS.grow(index, |_| OnceLock::new());
        if let Some(entry) = ORIGINS.get(index) {
            // The lock is held and the index is new, so the cell is empty.
            let _ = entry.set(self);
        }
        let id = OriginId(index + 1);
        interned.insert(self, id);
        id
    }

    #[inline]
    fn is_same_place(&self, other: &Self) -> bool {
        self.parent == other.parent
            && std::ptr::eq(self.location, other.location)
            && std::ptr::eq(self.type_name, other.type_name)
            && self.kind == other.kind
            && match (self.name, other.name) {
                (None, None) => true,
                (Some(one), Some(two)) => std::ptr::eq(one, two),
                _ => false,
            }
    }

    #[inline]
    fn place(&self) -> usize {
        let location = std::ptr::from_ref(self.location).addr();
        let ty = self.type_name.as_ptr().addr();
        ((location / 8) ^ ty ^ self.parent.0 as usize) % RECENT_LEN
    }
}

const RECENT_LEN: usize = 64;

type Recent = [Cell<Option<(Origin, OriginId)>>; RECENT_LEN];

thread_local! {
    static RECENT: Recent = const { [const { Cell::new(None) }; RECENT_LEN] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn origin(parent: OriginId, type_name: &'static str) -> Origin {
        Origin {
            parent,
            location: Location::caller(),
            type_name,
            name: None,
            kind: TaskKind::Task,
        }
    }

    #[test]
    fn equal_origins_have_one_number_and_others_another() {
        let ids: Vec<_> = ["a", "b", "a"]
            .iter()
            .map(|name| origin(OriginId::ROOT, name).intern())
            .collect();
        assert_eq!(ids[0], ids[2]);
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn a_chain_of_successors_is_one_origin() {
        let mut parent = OriginId::ROOT;
        let mut seen = Vec::new();
        for _ in 0..1000 {
            for name in ["ping", "pong"] {
                parent = origin(parent, name).intern();
                seen.push(parent);
            }
        }
        seen.sort_by_key(|id| id.0);
        seen.dedup();
        assert_eq!(seen.len(), 2);
        assert_eq!(parent.ancestry().count(), 2);
    }
}
