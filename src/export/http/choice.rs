//! Which tasks somebody wants to see.

use crate::manager::{Snapshot, TaskRecord};
use std::cmp::Reverse;

/// The parameters of a request. Those that are missing choose everything.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    q: String,
    name: Option<String>,
    suspects: bool,
    min_age: f64,
    sort: Order,
    pub(super) limit: Option<usize>,
    /// Whether the tasks are asked what they wait for.
    pub(super) trace: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Oldest,
    Newest,
    Name,
    Polls,
}

impl Choice {
    /// The tasks, in the order asked for; the limit is left to the caller.
    pub(super) fn of<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskRecord> {
        let text = self.q.to_lowercase();
        let is_suspect = |task: &TaskRecord| snapshot.suspects().iter().any(|one| one.is_of(task));
        let mut tasks: Vec<_> = snapshot
            .tasks()
            .iter()
            .filter(|task| self.name.as_deref().is_none_or(|name| name == task.name()))
            .filter(|task| !self.suspects || is_suspect(task))
            .filter(|task| task.age().as_secs_f64() >= self.min_age)
            .filter(|task| text.is_empty() || mentions(task, &text))
            .collect();
        match self.sort {
            Order::Oldest => {}
            Order::Newest => tasks.reverse(),
            Order::Name => tasks.sort_by_key(|task| task.name()),
            Order::Polls => tasks.sort_by_key(|task| Reverse(task.polls())),
        }
        tasks
    }
}

fn mentions(task: &TaskRecord, text: &str) -> bool {
    let mentions = |part: &str| part.to_lowercase().contains(text);
    mentions(task.name())
        || task
            .data()
            .any(|(key, value)| mentions(key) || mentions(value))
        || mentions(&task.location().to_string())
        || mentions(&task.id().to_string())
        || (may_be_of_fingerprint(text) && mentions(&task.fingerprint().to_string()))
}

/// Whether it can be part of one: to know those of all tasks, debug info is read.
fn may_be_of_fingerprint(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
