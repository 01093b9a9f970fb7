//! Live tasks by name and chosen data.

use super::by_name::{ByName, label_of};
use super::label_sets::{Folded, LabelSet, LabelSets};
use crate::export::label::cut;
use crate::manager::Snapshot;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

/// How many tasks of each label set are alive. Of tasks of chosen data, at most `most` label sets are
/// shown, and two more a name.
pub(super) fn by_data<'a>(
    snapshot: &'a Snapshot,
    names: &ByName<'a>,
    shown: &HashSet<String>,
    keys: &[String],
    sets: &LabelSets,
    most: usize,
) -> Folded<'a> {
    if keys.is_empty() {
        let live =
            |(name, row): (&Cow<'a, str>, &super::by_name::Row)| (vec![name.clone()], row.live);
        return Folded {
            live: names.rows.iter().map(live).collect(),
            folded: 0,
        };
    }
    let mut live: BTreeMap<LabelSet<'a>, usize> = BTreeMap::new();
    for task in snapshot.tasks() {
        let name = label_of(task.name(), shown);
        let value = |key: &String| cut(task.data_value(key).unwrap_or(""));
        let set = [name].into_iter().chain(keys.iter().map(value)).collect();
        *live.entry(set).or_default() += 1;
    }
    let mut folded = sets.fold(live, most);
    // Names of which no task was seen alive stay as well.
    for name in names.rows.keys() {
        let rows = folded.live.range(vec![name.clone()]..);
        let has_row = rows.map(|(set, _)| &set[0]).next() == Some(name);
        if !has_row {
            let nothing = keys.iter().map(|_| Cow::Borrowed(""));
            let set = [name.clone()].into_iter().chain(nothing).collect();
            folded.live.insert(set, 0);
        }
    }
    folded
}
