//! What there is to say of each name that is shown.

use super::held::Held;
use super::shown::OTHER_NAMES;
use crate::export::label::cut;
use crate::manager::{Counts, Snapshot};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Row {
    pub(super) live: usize,
    pub(super) oldest: Duration,
    pub(super) counts: Counts,
}

/// The rows, and how many names are folded into `(other names)`.
pub(super) struct ByName<'a> {
    pub(super) rows: BTreeMap<Cow<'a, str>, Row>,
    pub(super) folded: usize,
}

impl<'a> ByName<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, shown: &HashSet<String>, started: &Held) -> Self {
        let mut rows: BTreeMap<Cow<'a, str>, Row> = BTreeMap::new();
        let mut folded = 0;
        for name in snapshot.names() {
            let label = label_of(name.name(), shown);
            if label == OTHER_NAMES {
                folded += 1;
            }
            let row = rows.entry(label).or_default();
            row.live += name.live();
            row.oldest = row.oldest.max(name.oldest().unwrap_or_default());
            row.counts += name.counts();
        }
        // What a hooked task was called may be nobody's name once it is claimed by another.
        for name in shown {
            if !rows.contains_key(&**name) {
                rows.insert(Cow::Owned(name.clone()), Row::default());
            }
        }
        started.hold(
            rows.iter_mut()
                .map(|(name, row)| (name, &mut row.counts.started)),
        );
        Self { rows, folded }
    }
}

/// The name that a name's tasks are counted under.
pub(super) fn label_of<'a>(name: &'a str, shown: &HashSet<String>) -> Cow<'a, str> {
    let label = cut(name);
    if shown.contains(&*label) {
        label
    } else {
        Cow::Borrowed(OTHER_NAMES)
    }
}
