//! Which names keep growing.

use super::rises::{Found, Rises, STEPS, Seen};
use super::runtime_named::{RuntimeNamed, Site};
use super::same_name::ByName;
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use super::trace::MOST_ASKED;
use crate::registry::Fingerprint;
use crate::wait::{AwaitNode, AwaitTrace};
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
    names: HashMap<Arc<str>, Rises>,
    sites: HashMap<Site, Rises>,
    looks: u64,
    /// When the last looks were, on the registry's clock, the latest first: as many as the longest step has.
    before: VecDeque<u64>,
}

/// Whose number is watched.
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
        self.names.retain(|name, _| names.contains_key(&**name));
        self.sites.retain(|site, _| sites.tasks(*site).is_some());
        let mut grown = Vec::new();
        for (&name, tasks) in &names {
            let seen = self.seen(tasks, snapshot);
            let rises = match self.names.get_mut(name) {
                Some(rises) => again(rises, seen, over, tasks, snapshot),
                None if may_wait(tasks) => continue,
                None => self
                    .names
                    .entry(Arc::from(name))
                    .or_insert_with(|| Rises::beginning(seen)),
            };
            let found = judge(rises, over, tasks, snapshot);
            grown.extend(found.map(|found| Grown::new(Whose::Name(Arc::from(name)), found, tasks)));
        }
        let told: HashSet<Arc<str>> = grown.iter().filter_map(Grown::name).collect();
        for (site, tasks) in sites.all() {
            let seen = self.seen(tasks, snapshot);
            let rises = match self.sites.entry(site) {
                Entry::Occupied(known) => again(known.into_mut(), seen, over, tasks, snapshot),
                Entry::Vacant(new) => new.insert(Rises::beginning(seen)),
            };
            let found = judge(rises, over, tasks, snapshot);
            // One name may be all there is to it.
            let is_told = |task: &&&TaskRecord| told.contains(task.name());
            if let Some(found) = found
                && 2 * tasks.iter().filter(is_told).count() < tasks.len()
            {
                grown.push(Grown::new(Whose::Site(site), found, tasks));
            }
        }
        self.before.push_front(snapshot.at);
        self.before.truncate(STEPS[STEPS.len() - 1] as usize);
        // By name where they are as many, so that each look has them in one order.
        grown.sort_by_key(|name| (std::cmp::Reverse(name.live), name.name()));
        grown
    }

    fn seen(&self, tasks: &[&TaskRecord], snapshot: &Snapshot) -> Seen {
        Seen {
            look: self.looks,
            lasting: STEPS.map(|step| match self.before.get(step as usize - 1) {
                Some(&born_by) => (born_by, born(tasks, born_by, snapshot)),
                None => (0, 0),
            }),
        }
    }
}

/// Whether the tasks of a name that is not watched yet need not be watched now. Of names that are made at run time
/// there may be a great many, most of them of one task; and a rise that begins while there is but one begins again when
/// there are two: it has no other high.
fn may_wait(tasks: &[&TaskRecord]) -> bool {
    matches!(tasks, [only] if only.own_name().is_some())
}

/// The tasks are looked at once more.
fn again<'a>(
    rises: &'a mut Rises,
    seen: Seen,
    over: usize,
    tasks: &[&TaskRecord],
    snapshot: &Snapshot,
) -> &'a mut Rises {
    rises.see(seen, over, |last| born(tasks, last.born_by, snapshot));
    rises
}

fn judge(
    rises: &mut Rises,
    over: usize,
    tasks: &[&TaskRecord],
    snapshot: &Snapshot,
) -> Option<Found> {
    rises.judge(over, |first| born(tasks, first.born_by, snapshot))
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
    fn new(whose: Whose, found: Found, tasks: &[&TaskRecord]) -> Self {
        Self {
            whose,
            counts: found.counts,
            live: tasks.len(),
            survivors: found.survivors,
        }
    }

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

/// The innermost futures of a trace: several for a `select!` or `join!`.
fn leaves(trace: &AwaitTrace) -> Vec<&AwaitNode> {
    fn collect<'a>(nodes: &'a [AwaitNode], leaves: &mut Vec<&'a AwaitNode>) {
        for node in nodes {
            if node.children().is_empty() {
                leaves.push(node);
            }
            collect(node.children(), leaves);
        }
    }
    let mut leaves = Vec::new();
    collect(trace.roots(), &mut leaves);
    leaves
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

#[cfg(test)]
mod tests {
    use super::super::take::snapshot;
    use super::*;
    use crate::registry::{Entry, Extras, Spec, TaskKind};
    use std::panic::Location;
    use std::time::Duration;

    const FIXED: &str = "watched, fixed";
    const MADE: &str = "watched, made";
    const OVER: usize = 3;

    /// A task of a name that is fixed, or of one that is made at run time.
    fn begin(name: &'static str) -> Entry {
        let mut spec = Spec::new(TaskKind::Task, Location::caller(), "test");
        if name == FIXED {
            spec.name = Some(name);
        } else {
            spec.extras = Some(Box::new(Extras {
                name: Some(name.to_owned()),
                ..Extras::default()
            }));
        }
        Entry::begin(spec, |_| None)
    }

    /// Which of the names are suspect. The clock has moved on before and after it.
    fn look(watch: &mut GrowthWatch) -> [bool; 2] {
        std::thread::sleep(Duration::from_millis(20));
        let grown = watch.look(&snapshot(Vec::new()), OVER);
        std::thread::sleep(Duration::from_millis(20));
        [FIXED, MADE].map(|name| grown.iter().any(|one| one.name().as_deref() == Some(name)))
    }

    /// One test, since the names are the process's.
    #[test]
    fn a_name_made_at_run_time_is_watched_from_its_second_task_on_and_misses_no_leak() {
        let mut watch = GrowthWatch::default();
        let names = [FIXED, MADE];
        let mut leaks = vec![names.map(begin)];
        assert_eq!(look(&mut watch), [false; 2]);
        assert_eq!(
            names.map(|name| watch.names.contains_key(name)),
            [true, false]
        );
        let mut found = Vec::new();
        for _ in 0..5 {
            leaks.push(names.map(begin));
            found.push(look(&mut watch));
        }
        assert_eq!(names.map(|name| watch.names.contains_key(name)), [true; 2]);
        // Alike, and from the third high of tasks that last on.
        let expected = [[false; 2], [false; 2], [true; 2], [true; 2], [true; 2]];
        assert_eq!(found, expected);

        // Fixed: each ends once the next is there.
        leaks.clear();
        look(&mut watch);
        assert_eq!(names.map(|name| watch.names.contains_key(name)), [false; 2]);
        let mut last = names.map(begin);
        for _ in 0..5 {
            let next = names.map(begin);
            assert_eq!(look(&mut watch), [false; 2]);
            drop(std::mem::replace(&mut last, next));
        }
    }
}
