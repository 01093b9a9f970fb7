//! What a task is labelled with in profiles.

use crate::manager::TaskRecord;
use crate::{TaskKind, TaskState};
use std::borrow::Cow;

const OWN: [&str; 4] = ["name", "state", "kind", "fingerprint"];

/// Its name, state, kind and fingerprint, then its data. A key of its data that is called like one
/// of ours gets `data.` before it.
pub(super) fn of(task: &TaskRecord) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut labels: Vec<(Cow<'_, str>, Cow<'_, str>)> = vec![
        ("name".into(), task.name().into()),
        ("state".into(), state(task.state()).into()),
        ("kind".into(), kind(task.kind()).into()),
        ("fingerprint".into(), task.fingerprint().to_string().into()),
    ];
    labels.extend(task.data().map(|(key, value)| {
        let key = if OWN.contains(&key) {
            format!("data.{key}").into()
        } else {
            key.into()
        };
        (key, value.into())
    }));
    labels
}

pub(super) fn state(state: TaskState) -> &'static str {
    match state {
        TaskState::NeverPolled => "never polled",
        TaskState::Running => "running",
        TaskState::Pending => "pending",
        TaskState::Killed => "killed",
    }
}

fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Task => "task",
        TaskKind::Local => "local",
        TaskKind::Blocking => "blocking",
        TaskKind::Future => "future",
        TaskKind::Hooked => "hooked",
    }
}
