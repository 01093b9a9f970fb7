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

type Names = HashMap<Arc<str>, Arc<NameTally>>;

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
    if let Some(tally) = names.get(name) {
        return tally.clone();
    }
    let may_keep = KEPT.fetch_update(Relaxed, Relaxed, |kept| {
        (kept < LIMIT.load(Relaxed)).then_some(kept + 1)
    });
    if may_keep.is_err() {
        return other().clone();
    }
    let tally = NameTally::new(name);
    names.insert(tally.name.clone(), tally.clone());
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
        // Only references are copied under the lock, since spawns wait for it.
        let names: Vec<_> = lock(shard)
            .iter()
            .flat_map(Names::values)
            .cloned()
            .collect();
        all.extend(
            names
                .iter()
                .map(|name| (name.name.clone(), name.tally.totals())),
        );
    }
    let others = other().tally.totals();
    if others.started > 0 {
        all.push((other().name.clone(), others));
    }
    all
}
