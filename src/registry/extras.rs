//! What few tasks have: a name made at run time, data, a time box.

use super::names::{self, NameTally};
use super::slot::Slot;
use super::timebox::{Timebox, Timed};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) name: Option<String>,
    pub(crate) data: Vec<(String, String)>,
    pub(crate) timebox: Option<Timebox>,
}

/// What a live task has beside its record; whoever has a copy keeps it beyond the task's end.
pub(crate) struct Attached {
    extras: Extras,
    name_tally: Option<Arc<NameTally>>,
    timed: Option<Timed>,
}

impl Attached {
    fn new(extras: Extras) -> Self {
        Self {
            name_tally: extras.name.as_deref().map(names::tally),
            timed: extras.timebox.map(Timed::new),
            extras,
        }
    }

    /// Where tasks of its name are counted, if the name was made at run time.
    pub(super) fn name_tally(&self) -> Option<&NameTally> {
        self.name_tally.as_deref()
    }

    pub(crate) fn timed(&self) -> Option<&Timed> {
        self.timed.as_ref()
    }
}

impl Deref for Attached {
    type Target = Extras;

    fn deref(&self) -> &Extras {
        &self.extras
    }
}

const SHARDS: usize = 16;

/// By the index of the task's slot.
type Shard = Option<HashMap<u32, Arc<Attached>>>;

static TABLE: [Mutex<Shard>; SHARDS] = [const { Mutex::new(None) }; SHARDS];

#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "as the spawner has it: unboxing is for who needs it"
)]
pub(super) fn set(slot: &Slot, extras: Box<Extras>) -> Arc<Attached> {
    let attached = Arc::new(Attached::new(*extras));
    shard(slot)
        .get_or_insert_default()
        .insert(slot.index(), attached.clone());
    attached
}

pub(crate) fn get(slot: &Slot) -> Option<Arc<Attached>> {
    shard(slot).as_ref()?.get(&slot.index()).cloned()
}

/// Takes it away, to be dropped when the lock is free again.
pub(super) fn remove(slot: &Slot) -> Option<Arc<Attached>> {
    shard(slot).as_mut()?.remove(&slot.index())
}

fn shard(slot: &Slot) -> MutexGuard<'static, Shard> {
    TABLE[slot.index() as usize % SHARDS]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
