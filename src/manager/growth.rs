//! Which names keep growing.

use super::rise::{High, Rise};
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use super::trace::MOST_ASKED;
use crate::registry::Fingerprint;
use crate::registry::fingerprint::leaves;
use crate::wait::AwaitNode;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// What the last snapshots said of each name: one after the other is shown to it.
///
/// A name is suspect when its live count has reached as many highs as were asked for, and at least
/// half of the tasks that were alive at the first of them still are: see [`Rise`]. A service that
/// starts up grows too, and so does one under rising load: but there the older tasks end.
#[derive(Default)]
pub(super) struct GrowthWatch {
    rising: HashMap<Arc<str>, Rise>,
    looks: u64,
}

impl GrowthWatch {
    /// The names that are suspect as of this snapshot, the last of `over` highs or one after them;
    /// those of most tasks first.
    pub(super) fn look(&mut self, snapshot: &Snapshot, over: usize) -> Vec<Grown> {
        let over = over.max(2);
        self.looks += 1;
        // Names without live tasks are forgotten: their next task begins a new rise.
        self.rising.retain(|name, _| snapshot.live(name) > 0);
        let mut grown = Vec::new();
        for name in snapshot.names().iter().filter(|name| name.live > 0) {
            let seen = High {
                at: snapshot.at,
                live: name.live,
                look: self.looks,
            };
            let rise = match self.rising.entry(name.name.clone()) {
                Entry::Occupied(known) => {
                    let rise = known.into_mut();
                    rise.see(seen, over);
                    rise
                }
                Entry::Vacant(new) => new.insert(Rise::beginning(seen)),
            };
            let survivors = |first: &High| survivors_of(first, &name.name, snapshot);
            if let Some(survivors) = rise.judge(over, survivors) {
                grown.push(Grown {
                    name: name.name.clone(),
                    counts: rise.counts(),
                    live: name.live,
                    survivors,
                });
            }
        }
        grown.sort_by_key(|name| std::cmp::Reverse(name.live));
        grown
    }
}

/// How many of the tasks that were alive then still are.
fn survivors_of(first: &High, name: &str, snapshot: &Snapshot) -> usize {
    let passed = u128::from(snapshot.at.saturating_sub(first.at));
    let tasks = snapshot.tasks_named(name);
    tasks.filter(|task| task.age().as_nanos() >= passed).count()
}

/// A name that grew, and whose tasks did not end.
pub(super) struct Grown {
    name: Arc<str>,
    counts: Vec<usize>,
    live: usize,
    survivors: usize,
}

impl Grown {
    /// Some of its tasks, the oldest first.
    pub(super) fn tasks<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = &'a TaskRecord> {
        snapshot.tasks_named(&self.name).take(MOST_ASKED)
    }

    /// What is known of it, from the snapshot that it was found by.
    pub(super) fn suspect(self, snapshot: &Snapshot) -> Option<Suspect> {
        let tasks: Vec<_> = self.tasks(snapshot).collect();
        let (fingerprint, most) = most_common(&tasks)?;
        let await_site = most.await_trace().map(|trace| {
            let sites: Vec<_> = leaves(trace).into_iter().map(site).collect();
            sites.join(", ")
        });
        Some(Suspect {
            fingerprint,
            location: most.location(),
            await_site: await_site.filter(|site| !site.is_empty()).map(Arc::from),
            oldest: tasks.first()?.age(),
            name: self.name,
            counts: self.counts,
            live: self.live,
            survivors: self.survivors,
        })
    }
}

/// A future and where it is awaited.
fn site(node: &AwaitNode) -> String {
    match (node.file(), node.line()) {
        (Some(file), Some(line)) => format!("{} at {}:{line}", node.function(), file.display()),
        _ => node.function().to_owned(),
    }
}

/// The fingerprint and the await site that most of the tasks have, by the oldest that has both.
fn most_common<'a>(tasks: &[&'a TaskRecord]) -> Option<(Fingerprint, &'a TaskRecord)> {
    let mut counts: HashMap<_, (usize, &TaskRecord)> = HashMap::new();
    for &task in tasks {
        let site = (task.fingerprint(), task.await_trace());
        counts.entry(site).or_insert((0, task)).0 += 1;
    }
    counts
        .into_iter()
        .max_by_key(|((fingerprint, _), (count, _))| (*count, *fingerprint))
        .map(|((fingerprint, _), (_, task))| (fingerprint, task))
}
