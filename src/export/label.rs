//! Labels that every reader accepts: Prometheus, Pyroscope and Parca have one grammar for their names.

use std::borrow::Cow;

/// Longer values are cut to so many characters.
const LONGEST: usize = 200;

/// A label's value, not longer than a person would read.
pub(super) fn cut(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(value),
        Some((end, _)) => Cow::Owned(format!("{}…", &value[..end])),
    }
}

/// A label's name, made of a key of a task's data; never empty, and none of those that are `taken`.
pub(super) fn name_of<'a>(key: &'a str, taken: &[&str]) -> Cow<'a, str> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let label = if key.chars().all(is_allowed) {
        Cow::Borrowed(key)
    } else {
        Cow::Owned(key.replace(|character| !is_allowed(character), "_"))
    };
    // Those that begin with two underscores are Prometheus's own.
    let is_free = label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && !label.starts_with("__")
        && !taken.contains(&&*label);
    if is_free {
        label
    } else {
        Cow::Owned(format!("data_{label}"))
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
            assert_eq!(name_of(key, &["name"]), label);
        }
        assert_eq!(name_of("name", &[]), "name");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "ü".repeat(LONGEST + 1);
        assert_eq!(cut(&long), format!("{}…", "ü".repeat(LONGEST)));
        assert_eq!(cut(&long[..2 * LONGEST]), long[..2 * LONGEST]);
    }
}
