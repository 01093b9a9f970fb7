//! What a task is labelled with in profiles.

use crate::export::label::{cut, name_of};
use crate::manager::TaskRecord;
use std::borrow::Cow;

const OWN: [&str; 4] = ["name", "state", "kind", "fingerprint"];

/// Which keys of tasks' data are labels.
#[derive(Clone, Copy)]
pub(super) enum Data<'a> {
    All,
    /// These, as they were given or as the labels that they make.
    Only(&'a [&'a str]),
}

impl Data<'_> {
    fn has(self, key: &str, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(keys) => keys.iter().any(|&one| one == key || one == label),
        }
    }
}

/// Its name, state, kind and fingerprint, then its data: of keys that make one label the first. Readers
/// take an empty value for none, or for an error.
pub(super) fn of<'a>(task: &'a TaskRecord, data: Data<'_>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
        ("name".into(), cut(task.name())),
        ("state".into(), task.state().as_str().into()),
        ("kind".into(), task.kind().as_str().into()),
        ("fingerprint".into(), task.fingerprint().to_string().into()),
    ];
    for (key, value) in task.data() {
        let label = name_of(key, &OWN);
        if data.has(key, &label) && labels.iter().all(|(one, _)| *one != label) {
            labels.push((label, cut(value)));
        }
    }
    labels.retain(|(_, value)| !value.is_empty());
    labels
}
