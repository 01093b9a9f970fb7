//! Names made at run time, and how many tasks came and went under each.

use super::ledger::{Tally, Totals};
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Under which tasks are counted whose names are too many to be kept.
pub(crate) const OTHER: &str = "(other names)";
/// How many names are kept, unless the manager says otherwise.
pub(crate) const MOST: usize = 65_536;

/// The counters of one name. Shared by all threads: such a task takes a lock anyway.
pub(crate) struct NameTally {
    name: Arc<str>,
    tally: Tally,
}

impl NameTally {
    fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            tally: Tally::default(),
        })
    }

    /// Whether it counts the tasks of one name only.
    pub(super) fn is_own(&self) -> bool {
        &*self.name != OTHER
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}

const SHARDS: usize = 16;

#[derive(Default)]
struct Names {
    by_name: HashMap<Arc<str>, Arc<NameTally>>,
    /// The same, in the order in which they came; none ever goes.
    all: Vec<Arc<NameTally>>,
}

/// So many references are copied at a time by who reads a shard, since spawns wait for it meanwhile:
/// some ten microseconds, however many names are kept.
const COPIED_AT_ONCE: usize = 1024;

static TABLE: [Mutex<Option<Names>>; SHARDS] = [const { Mutex::new(None) }; SHARDS];
static KEPT: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(MOST);

fn other() -> &'static Arc<NameTally> {
    static OTHERS: OnceLock<Arc<NameTally>> = OnceLock::new();
    OTHERS.get_or_init(|| NameTally::new(OTHER))
}

fn lock(shard: &'static Mutex<Option<Names>>) -> MutexGuard<'static, Option<Names>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counters of a name, its own unless too many names are kept already.
pub(super) fn tally(name: &str) -> Arc<NameTally> {
    let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(name);
    let mut names = lock(&TABLE[hash as usize % SHARDS]);
    let names = names.get_or_insert_default();
    if let Some(tally) = names.by_name.get(name) {
        return tally.clone();
    }
    let may_keep = KEPT.fetch_update(Relaxed, Relaxed, |kept| {
        (kept < LIMIT.load(Relaxed)).then_some(kept + 1)
    });
    if may_keep.is_err() {
        return other().clone();
    }
    let tally = NameTally::new(name);
    names.by_name.insert(tally.name.clone(), tally.clone());
    names.all.push(tally.clone());
    tally
}

/// From now on at most so many names are kept; those that are kept already stay.
pub(crate) fn set_limit(limit: usize) {
    LIMIT.store(limit, Relaxed);
}

/// The totals of each name that was made at run time, and those of [`OTHER`] if there are any.
pub(crate) fn totals() -> Vec<(Arc<str>, Totals)> {
    let mut all = Vec::with_capacity(KEPT.load(Relaxed) + 1);
    for shard in &TABLE {
        let mut names = Vec::with_capacity(COPIED_AT_ONCE);
        let mut copied = 0;
        while copy_some(shard, copied, &mut names) {
            copied += names.len();
            let totals = names
                .drain(..)
                .map(|name| (name.name.clone(), name.tally.totals()));
            all.extend(totals);
        }
    }
    let others = other().tally.totals();
    if others.started > 0 {
        all.push((other().name.clone(), others));
    }
    all
}

/// Copies those of a shard that come after the first so many into `names`, which is empty, as many as
/// fit. Says whether there were any.
fn copy_some(
    shard: &'static Mutex<Option<Names>>,
    from: usize,
    names: &mut Vec<Arc<NameTally>>,
) -> bool {
    let shard = lock(shard);
    let all = shard.as_ref().map_or(&[][..], |names| &names.all);
    let rest = all.get(from..).unwrap_or_default();
    // Room for them was made before the lock was taken.
    let some = &rest[..rest.len().min(COPIED_AT_ONCE)];
    names.extend_from_slice(some);
    !some.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::collections::HashSet;

    static TURN: Mutex<()> = Mutex::new(());

    /// More than are copied at a time, in each shard.
    #[test]
    fn every_name_is_read_once_however_many_there_are() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let many = 2 * SHARDS * COPIED_AT_ONCE;
        for number in 0..many {
            tally(&format!("many {number}"));
        }
        let is_ours = |name: &Arc<str>| name.starts_with("many ");
        let names: Vec<_> = totals().into_iter().map(|(name, _)| name).collect();
        let ours = names.iter().filter(|name| is_ours(name)).count();
        assert_eq!(ours, many);
        let distinct: HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn no_more_are_copied_at_a_time_than_spawns_can_wait_for() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        for number in 0..2 * SHARDS * COPIED_AT_ONCE {
            tally(&format!("many {number}"));
        }
        for shard in &TABLE {
            let mut names = Vec::with_capacity(COPIED_AT_ONCE);
            let room = names.capacity();
            assert!(copy_some(shard, 0, &mut names));
            assert!(names.len() <= COPIED_AT_ONCE);
            assert_eq!(names.capacity(), room, "it was not moved under the lock");
        }
    }
}
