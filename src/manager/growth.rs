//! Which names keep growing.

use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use super::trace::MOST_ASKED;
use crate::registry::Fingerprint;
use crate::registry::fingerprint::leaves;
use crate::wait::AwaitNode;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What the last snapshots said of each name: one after the other is shown to it.
///
/// A name is suspect when its live count rose from each snapshot to the next, over as many as were
/// asked for, and at least half of those that were alive in the first of them still are. A service
/// that starts up grows too, and so does one under rising load: but there the older tasks end.
#[derive(Default)]
pub(super) struct GrowthWatch {
    rising: HashMap<Arc<str>, Rise>,
}

/// Snapshots in a row, each with more live tasks of a name than the one before it.
#[derive(Default)]
struct Rise {
    seen: VecDeque<Seen>,
}

struct Seen {
    /// On the registry's clock.
    at: u64,
    live: usize,
}

impl GrowthWatch {
    /// The names that grew over the last `over` snapshots, this one included; what grew to the most
    /// first.
    pub(super) fn look(&mut self, snapshot: &Snapshot, over: usize) -> Vec<Grown> {
        let over = over.max(2);
        // Names without live tasks are forgotten: their next task begins a new rise.
        self.rising.retain(|name, _| snapshot.live(name) > 0);
        let mut grown = Vec::new();
        for name in snapshot.names().iter().filter(|name| name.live > 0) {
            let rise = self.rising.entry(name.name.clone()).or_default();
            if rise.seen.back().is_some_and(|last| name.live <= last.live) {
                rise.seen.clear();
            }
            rise.seen.push_back(Seen {
                at: snapshot.at,
                live: name.live,
            });
            while rise.seen.len() > over {
                rise.seen.pop_front();
            }
            if rise.seen.len() == over {
                grown.extend(rise.judge(&name.name, snapshot));
            }
        }
        grown.sort_by_key(|name| std::cmp::Reverse(name.counts.last().copied()));
        grown
    }
}

/// A name that grew, and whose tasks did not end.
pub(super) struct Grown {
    name: Arc<str>,
    counts: Vec<usize>,
    survivors: usize,
}

impl Rise {
    fn judge(&self, name: &Arc<str>, snapshot: &Snapshot) -> Option<Grown> {
        let first = self.seen.front()?;
        let passed = u128::from(snapshot.at.saturating_sub(first.at));
        let survivors = snapshot
            .tasks_named(name)
            .filter(|task| task.age().as_nanos() >= passed)
            .count();
        (2 * survivors >= first.live).then(|| Grown {
            name: name.clone(),
            counts: self.seen.iter().map(|seen| seen.live).collect(),
            survivors,
        })
    }
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
