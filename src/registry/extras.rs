//! What few tasks have: a name made at run time, data, a time box.

use super::names::{self, NameTally};
use super::slot::{Reading, Slot, flag};
use super::timebox::{Timebox, Timed};
use crate::table::Table;
use std::borrow::Cow;
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

    /// The same for tasks of one name that was made at run time and is counted by itself, and for no
    /// others.
    pub(crate) fn name_number(&self) -> Option<usize> {
        let tally = self.name_tally.as_ref()?;
        tally.is_own().then(|| Arc::as_ptr(tally).addr())
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

/// By the index of the task's slot: found without a search, and read in the order of the slots.
static TABLE: Table<Mutex<Option<Arc<Attached>>>> = Table::new();

#[cold]
#[inline(never)]
#[allow(
    clippy::boxed_local,
    reason = "as the spawner has it: unboxing is for who needs it"
)]
pub(super) fn set(slot: &Slot, extras: Box<Extras>) -> Arc<Attached> {
    let attached = Arc::new(Attached::new(*extras));
    TABLE.grow(slot.index(), |_| Mutex::new(None));
    let former = place(slot).and_then(|mut place| place.replace(attached.clone()));
    // Dropped after the lock is released.
    drop(former);
    attached
}

pub(crate) fn get(slot: &Slot) -> Option<Arc<Attached>> {
    place(slot)?.clone()
}

/// What the task of a record has, if anything; of another one, if the task has ended.
pub(super) fn of(reading: &Reading) -> Option<Arc<Attached>> {
    let attached = reading.has(flag::EXTRAS).then(|| get(reading.slot));
    attached.flatten()
}

/// The name the task of a record was given, else that of its origin.
pub(super) fn name_of(reading: &Reading) -> Cow<'static, str> {
    let own = of(reading).and_then(|attached| attached.name.clone());
    own.map_or_else(|| Cow::Borrowed(reading.origin.name()), Cow::Owned)
}

/// Takes it away, to be dropped when the lock is free again.
pub(super) fn remove(slot: &Slot) -> Option<Arc<Attached>> {
    place(slot)?.take()
}

fn place(slot: &Slot) -> Option<MutexGuard<'static, Option<Arc<Attached>>>> {
    let place = TABLE.get(slot.index())?;
    Some(place.lock().unwrap_or_else(PoisonError::into_inner))
}
