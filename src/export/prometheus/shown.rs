//! Which names have series of their own.

use crate::manager::Snapshot;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Stands for all the names that have none.
pub(super) const OTHER_NAMES: &str = "(other names)";
/// Stands for all the data that has none.
pub(super) const OTHER: &str = "(other)";

/// Longer values are cut to so many characters.
const LONGEST: usize = 200;

/// The names that were shown once. They stay: were a name to go back among the others, the counters
/// of both would go down, which Prometheus takes for a restart.
#[derive(Debug, Default)]
pub(super) struct Shown(Mutex<HashSet<String>>);

impl Shown {
    /// The names that are shown, those of most live tasks first come, while there is room.
    /// `further` are names that may not be those of tasks.
    pub(super) fn admit<'a>(
        &self,
        snapshot: &'a Snapshot,
        further: impl Iterator<Item = &'a str>,
        most: usize,
    ) -> HashSet<String> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.len() < most {
            let mut new: Vec<_> = snapshot
                .names()
                .iter()
                .map(|name| (Reverse(name.live()), name.name()))
                .chain(further.map(|name| (Reverse(0), name)))
                .filter(|(_, name)| *name != OTHER_NAMES)
                .map(|(live, name)| (live, cut(name)))
                .filter(|(_, name)| !shown.contains(&**name))
                .collect();
            new.sort();
            for (_, name) in new {
                if shown.len() >= most {
                    break;
                }
                shown.insert(name.into_owned());
            }
        }
        shown.clone()
    }
}

/// A label's value, not longer than a person would read.
pub(super) fn cut(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(value),
        Some((end, _)) => Cow::Owned(format!("{}…", &value[..end])),
    }
}

/// A label that Prometheus accepts, made of a key of a task's data.
pub(super) fn label_of(key: &str) -> String {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let label: String = key
        .chars()
        .map(|character| {
            if is_allowed(character) {
                character
            } else {
                '_'
            }
        })
        .collect();
    // Labels that begin with two underscores are Prometheus's own, and `name` is ours.
    let is_free = label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !label.starts_with("__")
        && label != "name";
    if is_free {
        label
    } else {
        format!("data_{label}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn every_key_makes_a_label() {
        for (key, label) in [
            ("subnet", "subnet"),
            ("subnet id", "subnet_id"),
            ("7th", "data_7th"),
            ("name", "data_name"),
            ("__meta", "data___meta"),
            ("", "data_"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(label_of(key), label);
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "ü".repeat(LONGEST + 1);
        assert_eq!(cut(&long), format!("{}…", "ü".repeat(LONGEST)));
        assert_eq!(cut(&long[..2 * LONGEST]), long[..2 * LONGEST]);
    }
}
