//! What few tasks have: a name made at run time, and data.

use super::slot::Slot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) name: Option<String>,
    pub(crate) data: Vec<(String, String)>,
}

const SHARDS: usize = 16;

/// By the index of the task's slot.
type Shard = Option<HashMap<u32, Arc<Extras>>>;

static TABLE: [Mutex<Shard>; SHARDS] = [const { Mutex::new(None) }; SHARDS];

#[cold]
pub(super) fn set(slot: &Slot, extras: Box<Extras>) {
    shard(slot)
        .get_or_insert_default()
        .insert(slot.index(), Arc::from(extras));
}

pub(crate) fn get(slot: &Slot) -> Option<Arc<Extras>> {
    shard(slot).as_ref()?.get(&slot.index()).cloned()
}

pub(super) fn remove(slot: &Slot) {
    // Dropped after the lock is released.
    let _extras = shard(slot)
        .as_mut()
        .and_then(|table| table.remove(&slot.index()));
}

fn shard(slot: &Slot) -> MutexGuard<'static, Shard> {
    TABLE[slot.index() as usize % SHARDS]
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
