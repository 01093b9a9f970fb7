//! Which label sets of chosen data have series of their own.

use super::shown::OTHER;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// A name, then a value for each chosen key: empty for tasks that have none.
pub(super) type LabelSet<'a> = Vec<Cow<'a, str>>;

/// The label sets that were shown once, which stay: Prometheus keeps every series that it has ever seen, so
/// what is bounded at each scrape only is not bounded there. Those that were one too many are counted
/// together for good.
///
/// Two series a name take no room: that of its tasks without data, and that of those that are counted together.
#[derive(Debug, Default)]
pub(super) struct LabelSets(Mutex<Admitted>);

#[derive(Debug, Default)]
struct Admitted {
    sets: HashSet<LabelSet<'static>>,
    /// Those that take no room.
    free: HashSet<LabelSet<'static>>,
    /// How many others there were at one time at most.
    most_others: usize,
}

/// How many tasks there are of each label set that is shown, and how many label sets are none of them; or were so
/// once, since what is one too many stays so.
#[derive(Debug)]
pub(super) struct Folded<'a> {
    pub(super) live: BTreeMap<LabelSet<'a>, usize>,
    pub(super) folded: usize,
}

impl LabelSets {
    /// Shows these: while there is room, those of most tasks come first, up to `most` of them in all.
    pub(super) fn fold<'a>(&self, live: BTreeMap<LabelSet<'a>, usize>, most: usize) -> Folded<'a> {
        let mut admitted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.sets.len() < most {
            let mut new: Vec<_> = live
                .iter()
                .filter(|(set, _)| !is_free(set) && !is_in(set, &admitted.sets))
                .map(|(set, count)| (Reverse(*count), set))
                .collect();
            new.sort();
            new.truncate(most - admitted.sets.len());
            let new = new.into_iter().map(|(_, set)| owned(set));
            admitted.sets.extend(new);
        }
        let mut shown: BTreeMap<LabelSet<'a>, usize> = BTreeMap::new();
        let mut folded = 0;
        for (set, count) in live {
            let set = if is_free(&set) || is_in(&set, &admitted.sets) {
                set
            } else {
                folded += 1;
                others_of(set)
            };
            if is_free(&set) && !is_in(&set, &admitted.free) {
                admitted.free.insert(owned(&set));
            }
            *shown.entry(set).or_default() += count;
        }
        // They don't vanish from graphs either.
        for set in admitted.sets.iter().chain(&admitted.free) {
            shown.entry(set.clone()).or_default();
        }
        admitted.most_others = admitted.most_others.max(folded);
        Folded {
            live: shown,
            folded: admitted.most_others,
        }
    }
}

fn is_in<'a>(set: &LabelSet<'a>, sets: &HashSet<LabelSet<'a>>) -> bool {
    sets.contains(set)
}

fn owned(set: &LabelSet<'_>) -> LabelSet<'static> {
    let owned = |label: &Cow<'_, str>| Cow::Owned(label.clone().into_owned());
    set.iter().map(owned).collect()
}

fn is_free(set: &LabelSet<'_>) -> bool {
    is_all(set, "") || is_all(set, OTHER)
}

fn is_all(set: &LabelSet<'_>, value: &str) -> bool {
    set[1..].iter().all(|one| one == value)
}

fn others_of(mut set: LabelSet<'_>) -> LabelSet<'_> {
    set[1..].fill(Cow::Borrowed(OTHER));
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn set(value: &str) -> LabelSet<'static> {
        vec![Cow::Borrowed("name"), Cow::Owned(value.to_owned())]
    }

    fn live(counts: &[(&str, usize)]) -> BTreeMap<LabelSet<'static>, usize> {
        let count = |(value, count): &(&str, usize)| (set(value), *count);
        counts.iter().map(count).collect()
    }

    /// Also if somebody's data is what the rest is called: it is folded into itself.
    #[test]
    fn folding_keeps_the_sum() {
        let counts = [("a", 1), ("b", 2), (OTHER, 3), ("c", 9), ("d", 10)];
        for most in 0..counts.len() {
            let folded = LabelSets::default().fold(live(&counts), most);
            assert_eq!(folded.folded, 4 - most);
            assert_eq!(folded.live.values().sum::<usize>(), 25, "{folded:?}");
            if most == 2 {
                assert_eq!(folded.live, live(&[("c", 9), ("d", 10), (OTHER, 6)]));
            }
        }
    }

    #[test]
    fn what_is_shown_once_stays_and_what_is_folded_stays_so() {
        let sets = LabelSets::default();
        sets.fold(live(&[("a", 1), ("b", 2)]), 2);
        let folded = sets.fold(live(&[("b", 1), ("c", 50), ("d", 60), ("", 7)]), 2);
        let shown = live(&[("a", 0), ("b", 1), (OTHER, 110), ("", 7)]);
        assert_eq!((folded.live, folded.folded), (shown, 2));
        let folded = sets.fold(live(&[("", 1)]), 2);
        let shown = live(&[("a", 0), ("b", 0), (OTHER, 0), ("", 1)]);
        assert_eq!((folded.live, folded.folded), (shown, 2));
    }
}
