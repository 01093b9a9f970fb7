//! Which tasks somebody wants to see.

use super::order::Order;
use crate::manager::{NameCounts, Snapshot, TaskRecord};
use std::collections::HashSet;
use std::time::Duration;

/// How long tasks have to say what they wait for. Those that hold their thread don't.
pub(super) const ANSWER: Duration = Duration::from_millis(200);

/// The parameters of a request. Those that are missing choose everything.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    q: String,
    name: Option<String>,
    suspects: bool,
    min_age: f64,
    sort: Order,
    limit: Option<usize>,
    /// Whether tasks are listed, and not only counted.
    tasks: bool,
    /// Whether the tasks are asked what they wait for.
    trace: Option<bool>,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            q: String::new(),
            name: None,
            suspects: false,
            min_age: 0.0,
            sort: Order::default(),
            limit: None,
            tasks: true,
            trace: None,
        }
    }
}

impl Choice {
    /// How many names are listed, where so many are usual.
    pub(super) fn most_names(&self, usual: usize) -> usize {
        self.limit.unwrap_or(usual)
    }

    /// How many tasks are listed.
    pub(super) fn most_tasks(&self, usual: usize) -> usize {
        if self.tasks {
            self.most_names(usual)
        } else {
            0
        }
    }

    /// A snapshot, in which the tasks that are listed say what they wait for, if that is wanted: asked on
    /// this thread, which is none that they need. Others are left alone.
    pub(super) fn snapshot(&self, is_traced: bool, most: usize) -> Snapshot {
        let mut snapshot = crate::manager().snapshot();
        if self.trace.unwrap_or(is_traced) {
            let mut listed = self.of(&snapshot);
            listed.truncate(self.most_tasks(most));
            let listed: HashSet<_> = listed.into_iter().map(TaskRecord::id).collect();
            let is_listed = |task: &TaskRecord| listed.contains(&task.id());
            crate::manager().ask_here(&mut snapshot, is_listed, ANSWER);
        }
        snapshot
    }

    /// The tasks, in the order asked for; the limit is left to the caller.
    pub(super) fn of<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskRecord> {
        let text = self.q.to_lowercase();
        let suspects = self.suspects.then(|| snapshot.suspects_of_tasks());
        let is_chosen = |task: &TaskRecord| {
            let suspects = suspects.as_ref();
            suspects.is_none_or(|suspects| suspects.of(task).is_some())
        };
        let mut tasks: Vec<_> = snapshot
            .tasks()
            .iter()
            .filter(|task| self.name.as_deref().is_none_or(|name| name == task.name()))
            .filter(|task| is_chosen(task))
            .filter(|task| task.age().as_secs_f64() >= self.min_age)
            .filter(|task| text.is_empty() || mentions(task, &text))
            .collect();
        self.sort.sort_tasks(&mut tasks);
        tasks
    }

    /// The names of these tasks, and those that are chosen themselves though none of theirs is alive; in
    /// the order asked for.
    pub(super) fn names_of<'a>(
        &self,
        snapshot: &'a Snapshot,
        tasks: &[&TaskRecord],
    ) -> Vec<&'a NameCounts> {
        let text = self.q.to_lowercase();
        let is_of_all = !self.suspects && self.min_age <= 0.0;
        let of_tasks: HashSet<_> = if is_of_all && self.name.is_none() && text.is_empty() {
            HashSet::new()
        } else {
            tasks.iter().map(|task| task.name()).collect()
        };
        let is_chosen = |name: &str| {
            is_of_all
                && self.name.as_deref().is_none_or(|one| one == name)
                && (text.is_empty() || name.to_lowercase().contains(&text))
        };
        let names = snapshot.names().iter();
        let mut names: Vec<_> = names
            .filter(|name| is_chosen(name.name()) || of_tasks.contains(name.name()))
            .collect();
        self.sort.sort_names(&mut names);
        names
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
