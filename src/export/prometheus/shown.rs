//! Which names have series of their own.

use crate::export::label::cut;
use crate::manager::NameCounts;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Stands for all the names that have none.
pub(super) const OTHER_NAMES: &str = "(other names)";
/// Stands for all the data that has none.
pub(super) const OTHER: &str = "(other)";

/// The names that were shown once. They stay: were a name to go back among the others, the counters
/// of both would go down, which Prometheus takes for a restart. For the same reason a name that was one
/// too many stays among the others.
///
/// Names that are in the code may take all the room, those made at run time half of it: there are always more
/// of these, and they would leave none to a name of the code whose first task comes later.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<Names>);

#[derive(Debug, Default)]
struct Names {
    all: HashSet<String>,
    /// How many of them were made at run time.
    made: usize,
}

/// A name that may be shown.
pub(super) struct Candidate<'a> {
    label: Cow<'a, str>,
    live: usize,
    is_made: bool,
}

impl<'a> Candidate<'a> {
    /// None for a name that is counted under another: it would have a series for as long as tasks of it are
    /// alive, and none of its counters.
    pub(super) fn of(name: &'a NameCounts) -> Option<Self> {
        let label = cut(name.name());
        (name.counts().started > 0).then(|| Self {
            live: name.live(),
            // Those that are cut may be some of the code and some not: then they were made.
            is_made: name.is_made_at_run_time() || matches!(label, Cow::Owned(_)),
            label,
        })
    }

    /// One that somebody chose, whatever tasks there are.
    #[cfg(feature = "metrics")]
    pub(super) fn chosen(name: &'a str) -> Self {
        Self {
            label: cut(name),
            live: 0,
            is_made: false,
        }
    }
}

impl Shown {
    /// The names that are shown: while there is room, those of most live tasks come first.
    pub(super) fn admit<'a>(
        &self,
        names: impl IntoIterator<Item = Candidate<'a>>,
        most: usize,
    ) -> HashSet<String> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.all.len() < most {
            let most_made = most / 2;
            let is_room = shown.made < most_made;
            let mut new: Vec<_> = names
                .into_iter()
                .filter(|name| name.label != OTHER_NAMES && (is_room || !name.is_made))
                .filter(|name| !shown.all.contains(&*name.label))
                .collect();
            // Of those that come at once, the code's first.
            new.sort_by(|one, other| {
                let order = |name: &Candidate<'_>| (name.is_made, Reverse(name.live));
                order(one)
                    .cmp(&order(other))
                    .then_with(|| one.label.cmp(&other.label))
            });
            for name in new {
                let is_full = shown.all.len() >= most || (name.is_made && shown.made >= most_made);
                if !is_full && shown.all.insert(name.label.into_owned()) {
                    shown.made += usize::from(name.is_made);
                }
            }
        }
        shown.all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn candidate(label: &str, live: usize, is_made: bool) -> Candidate<'_> {
        Candidate {
            label: label.into(),
            live,
            is_made,
        }
    }

    fn sorted(shown: HashSet<String>) -> Vec<String> {
        let mut shown: Vec<_> = shown.into_iter().collect();
        shown.sort();
        shown
    }

    #[test]
    fn names_made_at_run_time_leave_room_to_those_of_the_code() {
        let shown = Shown::default();
        let made = ["a", "b", "c", "d"].map(|name| candidate(name, 9, true));
        assert_eq!(sorted(shown.admit(made, 4)), ["a", "b"]);
        let late = [candidate("late", 1, false), candidate("e", 9, true)];
        assert_eq!(sorted(shown.admit(late, 4)), ["a", "b", "late"]);
        let later = ["x", "y"].map(|name| candidate(name, 1, false));
        assert_eq!(sorted(shown.admit(later, 4)), ["a", "b", "late", "x"]);
        // None goes.
        assert_eq!(sorted(shown.admit([], 4)), ["a", "b", "late", "x"]);
    }

    #[test]
    fn names_of_the_code_may_take_all_the_room() {
        let shown = Shown::default();
        let names = ["a", "b", "c", "d", "e"].map(|name| candidate(name, 1, name == "a"));
        assert_eq!(sorted(shown.admit(names, 4)), ["b", "c", "d", "e"]);
    }
}
