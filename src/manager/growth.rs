//! Which names keep growing.

use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use crate::registry::Fingerprint;
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
    /// The names that grew over the last `over` snapshots, this one included.
    pub(super) fn look(&mut self, snapshot: &Snapshot, over: usize) -> Vec<Suspect> {
        let over = over.max(2);
        // Names without live tasks are forgotten: their next task begins a new rise.
        self.rising.retain(|name, _| snapshot.live(name) > 0);
        let mut suspects = Vec::new();
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
            if rise.seen.len() == over
                && let Some(suspect) = rise.judge(&name.name, snapshot)
            {
                suspects.push(suspect);
            }
        }
        suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.live()));
        suspects
    }
}

impl Rise {
    fn judge(&self, name: &Arc<str>, snapshot: &Snapshot) -> Option<Suspect> {
        let first = self.seen.front()?;
        let passed = snapshot.at.saturating_sub(first.at);
        let tasks: Vec<_> = snapshot.tasks_named(name).collect();
        let was_there = |task: &&&TaskRecord| task.age().as_nanos() >= u128::from(passed);
        let survivors = tasks.iter().filter(was_there).count();
        if 2 * survivors < first.live {
            return None;
        }
        let (fingerprint, most) = most_common(&tasks)?;
        Some(Suspect {
            name: name.clone(),
            fingerprint,
            location: most.location(),
            await_site: most.await_trace().map(|trace| trace.to_string().into()),
            counts: self.seen.iter().map(|seen| seen.live).collect(),
            survivors,
            oldest: tasks.iter().map(|task| task.age()).max()?,
        })
    }
}

/// The fingerprint that most of the tasks have, and one that has it.
fn most_common<'a>(tasks: &[&'a TaskRecord]) -> Option<(Fingerprint, &'a TaskRecord)> {
    let mut counts: HashMap<Fingerprint, (usize, &TaskRecord)> = HashMap::new();
    for &task in tasks {
        counts.entry(task.fingerprint()).or_insert((0, task)).0 += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(fingerprint, (count, _))| (*count, *fingerprint))
        .map(|(fingerprint, (_, task))| (fingerprint, task))
}
