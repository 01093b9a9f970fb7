//! Which names keep growing.

use super::rises::{Rises, STEPS, Seen};
use super::runtime_named::{RuntimeNamed, Site};
use super::same_name::ByName;
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use super::trace::MOST_ASKED;
use crate::registry::Fingerprint;
use crate::registry::fingerprint::leaves;
use crate::wait::AwaitNode;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// What the last snapshots said of each name: one after the other is shown to it.
///
/// A name is suspect when the number of its lasting tasks has reached as many highs as were asked for, and
/// at least half of those that lasted at the first of them still do: see [`Rise`](super::rise::Rise), and
/// [`Rises`] for leaks that are slow. A service that starts up grows too, and so does one under rising
/// load: but there the older tasks end. Background tasks are meant to live on, and do not count.
///
/// Names that are made at run time are summed up by their spawn site too: of `connection 17` there is
/// only ever one.
#[derive(Default)]
pub(super) struct GrowthWatch {
    rising: HashMap<Whose, Rises>,
    looks: u64,
    /// When the last looks were, on the registry's clock, the latest first: as many as the longest step has.
    before: VecDeque<u64>,
}

/// Whose number is watched.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Whose {
    Name(Arc<str>),
    Site(Site),
}

/// A snapshot's tasks that are not meant to live on, those of one name together, the oldest first.
struct Foreground<'a>(HashMap<&'a str, Vec<&'a TaskRecord>>);

impl<'a> Foreground<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let by_name = ByName::of(&snapshot.tasks);
        let mut tasks: Vec<Vec<&TaskRecord>> = Vec::new();
        tasks.resize_with(by_name.names().len(), Vec::new);
        for (task, &name) in snapshot.tasks.iter().zip(by_name.of_each()) {
            if !task.is_background() {
                tasks[name].push(task);
            }
        }
        let names = by_name.names().iter().map(|name| name.name);
        Self(names.zip(tasks).filter(|(_, of)| !of.is_empty()).collect())
    }
}

impl GrowthWatch {
    /// The names that are suspect as of this snapshot, the last of `over` highs or one after them;
    /// those of most tasks first.
    pub(super) fn look(&mut self, snapshot: &Snapshot, over: usize) -> Vec<Grown> {
        let over = over.max(2);
        self.looks += 1;
        let names = Foreground::of(snapshot).0;
        let sites = RuntimeNamed::of(snapshot);
        // Names without live tasks are forgotten: their next task begins a new rise.
        self.rising.retain(|whose, _| match whose {
            Whose::Name(name) => names.contains_key(&**name),
            Whose::Site(site) => sites.tasks(*site).is_some(),
        });
        let mut grown = Vec::new();
        for (name, tasks) in &names {
            let whose = Whose::Name(Arc::from(*name));
            grown.extend(self.look_at(whose, tasks, over, snapshot));
        }
        let told: HashSet<Arc<str>> = grown.iter().filter_map(Grown::name).collect();
        for (site, tasks) in sites.all() {
            let found = self.look_at(Whose::Site(site), tasks, over, snapshot);
            // One name may be all there is to it.
            let is_told = |task: &&&TaskRecord| told.contains(task.name());
            if let Some(found) = found
                && 2 * tasks.iter().filter(is_told).count() < tasks.len()
            {
                grown.push(found);
            }
        }
        self.before.push_front(snapshot.at);
        self.before.truncate(STEPS[STEPS.len() - 1] as usize);
        // By name where they are as many, so that each look has them in one order.
        grown.sort_by_key(|name| (std::cmp::Reverse(name.live), name.name()));
        grown
    }

    fn look_at(
        &mut self,
        whose: Whose,
        tasks: &[&TaskRecord],
        over: usize,
        snapshot: &Snapshot,
    ) -> Option<Grown> {
        let seen = Seen {
            look: self.looks,
            lasting: STEPS.map(|step| match self.before.get(step as usize - 1) {
                Some(&born_by) => (born_by, born(tasks, born_by, snapshot)),
                None => (0, 0),
            }),
        };
        let rises = match self.rising.entry(whose.clone()) {
            Entry::Occupied(known) => {
                let rises = known.into_mut();
                rises.see(seen, over, |last| born(tasks, last.born_by, snapshot));
                rises
            }
            Entry::Vacant(new) => new.insert(Rises::beginning(seen)),
        };
        let found = rises.judge(over, |first| born(tasks, first.born_by, snapshot))?;
        Some(Grown {
            whose,
            counts: found.counts,
            live: tasks.len(),
            survivors: found.survivors,
        })
    }
}

/// How many of the tasks, the oldest first, were spawned by then.
fn born(tasks: &[&TaskRecord], by: u64, snapshot: &Snapshot) -> usize {
    let passed = u128::from(snapshot.at.saturating_sub(by));
    tasks.partition_point(|task| task.age().as_nanos() >= passed)
}

/// A name that grew, and whose tasks did not end.
pub(super) struct Grown {
    whose: Whose,
    counts: Vec<usize>,
    live: usize,
    survivors: usize,
}

impl Grown {
    fn name(&self) -> Option<Arc<str>> {
        match &self.whose {
            Whose::Name(name) => Some(name.clone()),
            Whose::Site(_) => None,
        }
    }

    /// Some of its tasks, the oldest first.
    pub(super) fn tasks<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a TaskRecord> {
        let is_its = |task: &&TaskRecord| match &self.whose {
            Whose::Name(name) => task.name() == &**name,
            Whose::Site(site) => Site::of(task) == Some(*site),
        };
        snapshot
            .tasks
            .iter()
            .filter(|task| !task.is_background())
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
