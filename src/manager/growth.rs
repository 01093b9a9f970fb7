//! Which names keep growing.

use super::rise::High;
use super::rises::Rises;
use super::runtime_named::{RuntimeNamed, Site};
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
/// half of the tasks that were alive at the first of them still are: see [`Rise`](super::rise::Rise), and
/// [`Rises`] for leaks that are slow. A service that starts up grows too, and so does one under rising
/// load: but there the older tasks end.
///
/// Names that are made at run time are summed up by their spawn site too: of `connection 17` there is
/// only ever one.
#[derive(Default)]
pub(super) struct GrowthWatch {
    rising: HashMap<Whose, Rises>,
    looks: u64,
}

/// Whose number is watched.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Whose {
    Name(Arc<str>),
    Site(Site),
}

impl GrowthWatch {
    /// The names that are suspect as of this snapshot, the last of `over` highs or one after them;
    /// those of most tasks first.
    pub(super) fn look(&mut self, snapshot: &Snapshot, over: usize) -> Vec<Grown> {
        let over = over.max(2);
        self.looks += 1;
        let sites = RuntimeNamed::of(snapshot);
        // Names without live tasks are forgotten: their next task begins a new rise.
        self.rising.retain(|whose, _| match whose {
            Whose::Name(name) => snapshot.live(name) > 0,
            Whose::Site(site) => sites.tasks(*site).is_some(),
        });
        let mut grown = Vec::new();
        for name in snapshot.names().iter().filter(|name| name.live > 0) {
            let survivors =
                |first: &High| survivors(first, snapshot.tasks_named(&name.name), snapshot);
            let whose = Whose::Name(name.name.clone());
            grown.extend(self.look_at(whose, name.live, over, snapshot, survivors));
        }
        let names = grown.len();
        for (site, tasks) in sites.all() {
            let survivors = |first: &High| survivors(first, tasks.iter().copied(), snapshot);
            let found = self.look_at(Whose::Site(site), tasks.len(), over, snapshot, survivors);
            // One name may be all there is to it.
            let is_told = |task: &&&TaskRecord| {
                let is_of =
                    |one: &Grown| matches!(&one.whose, Whose::Name(name) if **name == *task.name());
                grown[..names].iter().any(is_of)
            };
            if let Some(found) = found
                && 2 * tasks.iter().filter(is_told).count() < tasks.len()
            {
                grown.push(found);
            }
        }
        grown.sort_by_key(|name| std::cmp::Reverse(name.live));
        grown
    }

    fn look_at(
        &mut self,
        whose: Whose,
        live: usize,
        over: usize,
        snapshot: &Snapshot,
        survivors: impl Fn(&High) -> usize,
    ) -> Option<Grown> {
        let seen = High {
            at: snapshot.at,
            live,
            look: self.looks,
        };
        let rises = match self.rising.entry(whose.clone()) {
            Entry::Occupied(known) => {
                let rises = known.into_mut();
                rises.see(seen, over);
                rises
            }
            Entry::Vacant(new) => new.insert(Rises::beginning(seen)),
        };
        let found = rises.judge(over, survivors)?;
        Some(Grown {
            whose,
            counts: found.counts,
            live,
            survivors: found.survivors,
        })
    }
}

/// How many of the tasks that were alive then still are.
fn survivors<'a>(
    first: &High,
    tasks: impl Iterator<Item = &'a TaskRecord>,
    snapshot: &Snapshot,
) -> usize {
    let passed = u128::from(snapshot.at.saturating_sub(first.at));
    tasks.filter(|task| task.age().as_nanos() >= passed).count()
}

/// A name that grew, and whose tasks did not end.
pub(super) struct Grown {
    whose: Whose,
    counts: Vec<usize>,
    live: usize,
    survivors: usize,
}

impl Grown {
    /// Some of its tasks, the oldest first.
    pub(super) fn tasks<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskRecord> {
        let is_its = |task: &&TaskRecord| match &self.whose {
            Whose::Name(name) => task.name() == &**name,
            Whose::Site(site) => Site::of(task) == Some(*site),
        };
        snapshot
            .tasks
            .iter()
            .filter(is_its)
            .take(MOST_ASKED)
            .collect()
    }

    /// What is known of it, from the snapshot that it was found by.
    pub(super) fn suspect(self, snapshot: &Snapshot) -> Option<Suspect> {
        let tasks = self.tasks(snapshot);
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
            names_differ: matches!(self.whose, Whose::Site(_)),
            name: match self.whose {
                Whose::Name(name) => name,
                Whose::Site(_) => Arc::from(most.origin().name()),
            },
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
