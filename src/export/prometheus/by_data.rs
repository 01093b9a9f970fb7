//! Live tasks by name and chosen data.

use super::by_name::{ByName, label_of};
use super::shown::{OTHER, cut};
use crate::manager::Snapshot;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

/// A name, then a value for each chosen key: empty for tasks that have none.
pub(super) type LabelSet<'a> = Vec<Cow<'a, str>>;

/// How many tasks of each label set are alive, and how many label sets are folded into `(other)`.
pub(super) struct ByData<'a> {
    pub(super) live: BTreeMap<LabelSet<'a>, usize>,
    pub(super) folded: usize,
}

impl<'a> ByData<'a> {
    /// Of at most `most` label sets, those of most tasks; a name's further tasks are one label set
    /// more.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        names: &ByName<'a>,
        shown: &HashSet<String>,
        keys: &[String],
        most: usize,
    ) -> Self {
        let mut live: BTreeMap<LabelSet<'a>, usize> = BTreeMap::new();
        if keys.is_empty() {
            for (name, row) in &names.rows {
                live.insert(vec![name.clone()], row.live);
            }
            return Self { live, folded: 0 };
        }
        for task in snapshot.tasks() {
            let name = label_of(task.name(), shown);
            let value = |key: &String| cut(task.data_value(key).unwrap_or(""));
            let label_set = [name].into_iter().chain(keys.iter().map(value)).collect();
            *live.entry(label_set).or_default() += 1;
        }
        let folded = fold(&mut live, most);
        // Names without live tasks stay, so that they don't vanish from graphs.
        for (name, row) in &names.rows {
            if row.live == 0 {
                let nothing = keys.iter().map(|_| Cow::Borrowed(""));
                live.entry([name.clone()].into_iter().chain(nothing).collect())
                    .or_default();
            }
        }
        Self { live, folded }
    }
}

fn fold(live: &mut BTreeMap<LabelSet<'_>, usize>, most: usize) -> usize {
    let Some(folded) = live.len().checked_sub(most) else {
        return 0;
    };
    let mut by_count: Vec<_> = live
        .iter()
        .map(|(label_set, count)| (*count, label_set.clone()))
        .collect();
    by_count.sort();
    for (count, label_set) in by_count.drain(..folded) {
        // More than it was, if this is what the others were folded into: data may be called so too.
        let count = live.remove(&label_set).unwrap_or(count);
        let mut others = label_set;
        others[1..].fill(Cow::Borrowed(OTHER));
        *live.entry(others).or_default() += count;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// Also if somebody's data is what the rest is called: it is folded into itself.
    #[test]
    fn folding_keeps_the_sum() {
        let counts = [("a", 1), ("b", 2), (OTHER, 3), ("c", 9), ("d", 10)];
        for most in 0..counts.len() {
            let set = |value: &'static str| vec![Cow::Borrowed("name"), Cow::Borrowed(value)];
            let mut live: BTreeMap<LabelSet<'_>, usize> = counts
                .iter()
                .map(|(value, count)| (set(value), *count))
                .collect();
            let folded = fold(&mut live, most);
            assert_eq!(folded, counts.len() - most);
            assert_eq!(live.values().sum::<usize>(), 25, "{live:?}");
            if most == 2 {
                assert_eq!(live[&set(OTHER)], 6);
            }
        }
    }
}
