//! Variables that look like ours and are none.

use std::ffi::OsString;

/// More letters than that do not get wrong by chance.
const MOST_WRONG: usize = 2;

/// What to say of the variables in the environment that nearly have a name of ours, in alphabetical order.
pub(crate) fn notes(known: &[&str], set: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut names: Vec<_> = set.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.starts_with("TASKLEAK") && !known.contains(&name.as_str()));
    names.sort_unstable();
    let note = |name: &String| {
        let nearest = nearest(name, known)?;
        Some(format!(
            "the environment variable {name} means nothing to taskleak: did you mean {nearest}?"
        ))
    };
    names.iter().filter_map(note).collect()
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|one| (wrong_letters(name, one), *one));
    let near = near.filter(|(wrong, _)| *wrong <= MOST_WRONG);
    near.min().map(|(_, one)| one)
}

/// How many letters have to be put in, left out or replaced to make the one of the other (Levenshtein).
fn wrong_letters(one: &str, other: &str) -> usize {
    let other = other.as_bytes();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.bytes().enumerate() {
        let mut before = above[0];
        above[0] = row + 1;
        for (column, same) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *same);
            before = above[column + 1];
            above[column + 1] = replaced.min(before + 1).min(above[column] + 1);
        }
    }
    above[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const KNOWN: [&str; 4] = [
        "TASKLEAK",
        "TASKLEAK_GRACE",
        "TASKLEAK_INTERVAL",
        "TASKLEAK_COLOR",
    ];

    fn notes_on(set: &[&str]) -> Vec<String> {
        notes(&KNOWN, set.iter().map(OsString::from))
    }

    #[test]
    fn a_name_that_is_nearly_one_of_ours_is_told_with_the_nearest() {
        assert_eq!(
            notes_on(&[
                "TASKLEAK_INTERVALL",
                "TASKLEAK_COLOUR",
                "TASKLEAK_GARCE",
                "TASKLEAKS"
            ]),
            [
                ("TASKLEAKS", "TASKLEAK"),
                ("TASKLEAK_COLOUR", "TASKLEAK_COLOR"),
                ("TASKLEAK_GARCE", "TASKLEAK_GRACE"),
                ("TASKLEAK_INTERVALL", "TASKLEAK_INTERVAL"),
            ]
            .map(|(name, meant)| format!(
                "the environment variable {name} means nothing to taskleak: did you mean {meant}?"
            ))
        );
    }

    #[test]
    fn of_all_others_nothing_is_said() {
        let others = [
            "TASKLEAK_GRACE",
            "TASKLEAK",
            "TASKLEAK_REQUIRE_TOOLS",
            "PATH",
            "TASK",
            "GRACE",
        ];
        assert_eq!(notes_on(&others), Vec::<String>::new());
    }

    #[test]
    fn letters_are_put_in_left_out_and_replaced() {
        for (one, other, wrong) in [
            ("", "", 0),
            ("", "ab", 2),
            ("abc", "axc", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(wrong_letters(one, other), wrong);
            assert_eq!(wrong_letters(other, one), wrong);
        }
    }
}
