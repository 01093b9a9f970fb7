//! Where tasks come from: the tree of spawn sites.
//!
//! An origin is one way a task can come about: spawned at this location, from a task of that origin,
//! with a future of this type. Programs have few of them and spawn millions of tasks, so a task's
//! record holds only the origin's number. The tree outlives the tasks: a report names the parents
//! of a leaked task although they ended long ago. It is bounded: what can be spawned by too many lines of
//! ancestors is, from then on, spawned by none.

use super::ledger::{self, Tally};
use super::{Fingerprint, TaskKind, function_path, local};
use crate::stack::{self, Frame, Stack};
use crate::table::Table;
use std::cell::Cell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

static ORIGINS: Table<OnceLock<Origin>> = Table::new();
static NAMES: Table<OnceLock<Box<str>>> = Table::new();
static FINGERPRINTS: Table<OnceLock<Fingerprint>> = Table::new();
/// The stack of each origin's first spawn, which tells the function that the spawn call stands in.
static STACKS: Table<OnceLock<Stack>> = Table::new();
static INTERNED: Mutex<Option<Interned>> = Mutex::new(None);

#[derive(Default)]
struct Interned {
    ids: HashMap<Origin, OriginId>,
    /// How many origins each place has, which differ by their parents; a place is an origin of no parent.
    places: HashMap<Origin, u32>,
}

/// Where a task of a program's comes from is seldom more ways than that; but where every task may
/// spawn every other, the ways are as many as the orders of the sites.
const MOST_PARENTS: u32 = 128;

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

    /// The stable number of tasks of this origin. Reads debug info, once.
    pub(crate) fn fingerprint(self) -> Fingerprint {
        // Every task has an origin; the root is none's.
        let (Some(origin), Some(index)) = (self.get(), self.0.checked_sub(1)) else {
            return Fingerprint::UNKNOWN;
        };
        FINGERPRINTS.grow(index, |_| OnceLock::new());
        FINGERPRINTS
            .get(index)
            .map_or(Fingerprint::UNKNOWN, |known| {
                *known.get_or_init(|| {
                    Fingerprint::new(origin, self.spawn_function(origin).as_deref())
                })
            })
    }

    /// The function that the spawn call stands in, without its generics, if debug info tells.
    fn spawn_function(self, origin: &Origin) -> Option<String> {
        let stack = *STACKS.get(self.0.checked_sub(1)?)?.get()?;
        let spawns = |frame: &Frame| {
            frame.line() == Some(origin.location.line())
                && frame
                    .file()
                    .is_some_and(|file| file.ends_with(origin.location.file()))
        };
        let frame = stack.find(spawns)?;
        Some(function_path(frame.function()))
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
    pub(super) fn intern(self) -> OriginId {
        local::with(|local| {
            local.origins.find_anywhere(&self).map_or_else(
                || {
                    let id = self.intern_slowly();
                    local.origins.remember(self, id);
                    id
                },
                |known| known.id,
            )
        })
        .unwrap_or_else(|| self.intern_slowly())
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
        let Interned { ids, places } = interned.get_or_insert_default();
        if let Some(&id) = ids.get(&self) {
            return id;
        }
        let origin = self.with_few_parents(places);
        if let Some(&id) = ids.get(&origin) {
            return id;
        }
        let index = ids.len() as u32;
        ORIGINS.grow(index, |_| OnceLock::new());
        if let Some(entry) = ORIGINS.get(index) {
            // The lock is held and the index is new, so the cell is empty.
            let _ = entry.set(origin);
        }
        // A future that is tracked by hand is interned at its first poll, far from its spawn.
        if self.kind != TaskKind::Future
            && let Some(stack) = stack::capture_at(self.location)
        {
            STACKS.grow(index, |_| OnceLock::new());
            if let Some(entry) = STACKS.get(index) {
                let _ = entry.set(stack);
            }
        }
        let id = OriginId(index + 1);
        ids.insert(origin, id);
        id
    }

    /// This origin if there are not too many that differ from it only by their parents; else that
    /// of no parent.
    fn with_few_parents(self, places: &mut HashMap<Self, u32>) -> Self {
        let of_no_parent = Self {
            parent: OriginId::ROOT,
            ..self
        };
        let parents = places.entry(of_no_parent).or_default();
        if *parents < MOST_PARENTS {
            *parents += 1;
            self
        } else {
            of_no_parent
        }
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
        let name = self.name.map_or(0, |name| name.as_ptr().addr());
        ((location / 8) ^ ty ^ name ^ self.parent.0 as usize) % RECENT
    }
}

const RECENT: usize = 64;
/// So many places there are for each origin: two that would take the same one must not drive each other
/// out at every turn, since to look an origin up takes a lock and a hash.
const WAYS: usize = 4;
const _: () = assert!(RECENT.is_multiple_of(WAYS) && WAYS.is_power_of_two());

/// An origin that a thread has used, with its number, and where the thread counts its tasks.
#[derive(Clone, Copy)]
pub(super) struct KnownOrigin {
    origin: Origin,
    pub(super) id: OriginId,
    /// Not to be used once the thread is ending.
    pub(super) tally: Option<&'static Tally>,
}

/// In the place of one: no task's parents are of that number.
const NOTHING: KnownOrigin = KnownOrigin {
    origin: Origin {
        parent: OriginId(u32::MAX),
        location: Location::caller(),
        type_name: "",
        name: None,
        kind: TaskKind::Hooked,
    },
    id: OriginId::ROOT,
    tally: None,
};

/// The origins that a thread has used last. Two spawns in a row from one place are the rule, and
/// comparing a few words is far cheaper than hashing a path.
pub(super) struct RecentOrigins([Cell<KnownOrigin>; RECENT]);

impl RecentOrigins {
    pub(super) const fn new() -> Self {
        Self([const { Cell::new(NOTHING) }; RECENT])
    }

    /// The origin, if it is in the first of its places.
    #[inline(always)]
    pub(super) fn find(&self, origin: &Origin) -> Option<KnownOrigin> {
        let known = self.0[origin.place()].get();
        known.origin.is_same_place(origin).then_some(known)
    }

    /// Has the origin in the first of its places, if it is in another; false if it is in none.
    pub(super) fn bring_forward(&self, origin: &Origin) -> bool {
        let first = &self.0[origin.place()];
        let others = (1..WAYS).map(|way| &self.0[origin.place() ^ way]);
        let here = others
            .into_iter()
            .find(|other| other.get().origin.is_same_place(origin));
        if let Some(here) = here {
            first.swap(here);
        }
        here.is_some()
    }

    fn find_anywhere(&self, origin: &Origin) -> Option<KnownOrigin> {
        self.find(origin).or_else(|| {
            let is_known = self.bring_forward(origin);
            is_known.then(|| self.0[origin.place()].get())
        })
    }

    /// A thread that is ending remembers nothing, since it has no counters.
    fn remember(&self, origin: Origin, id: OriginId) {
        if let tally @ Some(_) = ledger::mine(id) {
            let place = origin.place();
            let is_free = |way: &usize| self.0[place ^ way].get().id == OriginId::ROOT;
            let way = (0..WAYS).find(is_free).unwrap_or(id.0 as usize % WAYS);
            self.0[place ^ way].set(KnownOrigin { origin, id, tally });
        }
    }
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
    fn origins_that_would_take_one_place_are_all_remembered() {
        let recent = RecentOrigins::new();
        let parents = (1..).map(|parent| origin(OriginId(parent * RECENT as u32), "a"));
        let origins: Vec<_> = parents.take(WAYS + 1).collect();
        let (last, origins) = origins.split_last().unwrap();
        for (id, origin) in (1..).zip(origins) {
            assert!(recent.find_anywhere(origin).is_none());
            recent.remember(*origin, OriginId(id));
        }
        for (id, origin) in (1..).zip(origins) {
            assert_eq!(
                recent.find_anywhere(origin).map(|known| known.id),
                Some(OriginId(id))
            );
        }
        // One more takes the place of one.
        recent.remember(*last, OriginId(5));
        assert_eq!(
            recent.find_anywhere(last).map(|known| known.id),
            Some(OriginId(5))
        );
        let left = origins
            .iter()
            .filter(|one| recent.find_anywhere(one).is_some());
        assert_eq!(left.count(), WAYS - 1);
    }

    /// A helper spawns all of them from one place.
    #[test]
    fn origins_that_differ_by_name_only_do_not_take_one_place() {
        const NAMES: &str = "abcdefghijklmnopqrst";
        let recent = RecentOrigins::new();
        let of_name = |at| Origin {
            name: NAMES.get(at..=at),
            ..origin(OriginId::ROOT, "a")
        };
        let origins: Vec<_> = (0..NAMES.len()).map(of_name).collect();
        for (id, origin) in (1..).zip(&origins) {
            recent.remember(*origin, OriginId(id));
        }
        for (id, origin) in (1..).zip(&origins) {
            let known = recent.find_anywhere(origin).map(|known| known.id);
            assert_eq!(known, Some(OriginId(id)));
        }
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

    #[test]
    fn sites_that_spawn_each_other_in_any_order_have_few_origins() {
        const SITES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let mut random = fastrand::Rng::with_seed(7);
        let mut seen = std::collections::HashSet::new();
        let mut parent = OriginId::ROOT;
        for _ in 0..100_000 {
            let site = SITES[random.usize(..SITES.len())];
            parent = origin(parent, site).intern();
            assert_eq!(parent.get().unwrap().type_name, site);
            seen.insert(parent);
            if random.u8(..20) == 0 {
                parent = OriginId::ROOT;
            }
        }
        let most = SITES.len() * (MOST_PARENTS as usize + 1);
        assert!(seen.len() <= most, "{}", seen.len());
        // Those that came first keep their ancestors.
        assert!(seen.iter().any(|id| id.ancestry().count() > 3));
    }
}
