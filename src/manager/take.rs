//! Reading a snapshot out of the registry.

use super::counts::{Counts, NameCounts};
use super::same_name::{self, ByName};
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::{Moment, TaskRecord};
use crate::registry::ledger::{self, Outcome, Totals};
use crate::registry::origin::OriginId;
use crate::registry::{self, alarm, events, names};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Spawns go on meanwhile: tasks are read one by one without a lock, but for that on a task's own name
/// and data, which is held while one reference is copied. The longest that any other lock is held that
/// a spawn may take is for the copy of some names ([`names::totals`]).
pub(super) fn snapshot(suspects: Vec<Suspect>) -> Snapshot {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    // Cyclic ones may be waiting for it.
    alarm::try_again();
    let now = Moment::now();
    // Room is made at once: a vector of megabytes that grows is copied by the allocator under a lock of
    // its own, which spawns on other threads may wait for.
    let most = registry::live().count();
    let mut tasks = Vec::with_capacity(most + most / 16);
    tasks.extend(
        registry::live()
            .filter(|task| !task.is_settled())
            .filter_map(|task| TaskRecord::of_live(task, now)),
    );
    // Records are large and ages coarse: many are in order already.
    tasks.sort_by_key(|task| (std::cmp::Reverse(task.age()), task.id()));
    let by_name = ByName::of(&tasks);
    let (names, cut_off) = count_by_name(&by_name);
    let live = by_name.live_of_each();
    same_name::tell_each(&mut tasks, live);
    let mut counts = Counts::default();
    for name in &names {
        counts += name.counts;
    }
    Snapshot {
        number: TAKEN.fetch_add(1, Relaxed) + 1,
        taken_at: now.wall,
        at: now.registry,
        tasks,
        names,
        counts,
        cut_off,
        missed_events: events::missed(true, true),
        suspects,
        #[cfg(feature = "pprof")]
        not_asked: 0,
    }
}

/// The live tasks and the totals of each name; and how many were started under no name of their own.
fn count_by_name(live: &ByName<'_>) -> (Vec<NameCounts>, u64) {
    #[derive(Default)]
    struct Found {
        live: usize,
        oldest: Option<Duration>,
        counts: Counts,
        is_made_at_run_time: bool,
    }

    let mut found: HashMap<&str, Found> = HashMap::new();
    for one in live.names() {
        let of_name = found.entry(one.name).or_default();
        of_name.live = one.live;
        of_name.oldest = Some(one.oldest);
    }
    for (index, totals) in ledger::by_origin().iter().enumerate() {
        if totals.started > 0 {
            let name = OriginId::of_index(index).name();
            found.entry(name).or_default().counts += counts_of(totals);
        }
    }
    let by_name = names::totals();
    let mut cut_off = 0;
    for (name, totals) in &by_name {
        let found = found.entry(name).or_default();
        found.counts += counts_of(totals);
        found.is_made_at_run_time = true;
        if &**name == names::OTHER {
            cut_off = totals.started;
        }
    }
    let mut counted: Vec<_> = found
        .into_iter()
        .map(|(name, found)| NameCounts {
            name: Arc::from(name),
            live: found.live,
            oldest: found.oldest,
            counts: found.counts,
            is_made_at_run_time: found.is_made_at_run_time,
        })
        .collect();
    counted.sort_by(|one, other| one.name.cmp(&other.name));
    (counted, cut_off)
}

fn counts_of(totals: &Totals) -> Counts {
    Counts {
        started: totals.started,
        finished: totals.ended(Outcome::Finished),
        panicked: totals.ended(Outcome::Panicked),
        aborted: totals.ended(Outcome::Aborted),
        shut_down: totals.ended(Outcome::ShutDown),
        over_time: totals.over_time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Builder;
    use std::future::pending;

    /// No lock is held from one task to the next: on this one thread, a spawn, a look by others or an
    /// end that waited for one would wait for ever.
    #[test]
    fn tasks_come_and_go_between_any_two_that_are_read() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let spawn = |number: usize| {
            Builder::new()
                .name(format!("between {number}"))
                .data("number", number)
                .spawn_on(pending::<()>(), runtime.handle())
        };
        // Counted by its origin, as those with a name made at run time are not.
        drop(
            Builder::new()
                .name("beside")
                .spawn_on(pending::<()>(), runtime.handle()),
        );
        let mut tasks: Vec<_> = (0..100).map(spawn).collect();
        let mut read = Vec::new();
        let now = Moment::now();
        for reading in registry::live() {
            read.extend(TaskRecord::of_live(reading, now));
            if tasks.len() < 200 {
                tasks.push(spawn(tasks.len()));
                tasks[read.len() % 100].abort();
                runtime.block_on(async { tokio::task::yield_now().await });
                assert!(!names::totals().is_empty());
                assert!(!ledger::by_origin().is_empty());
            }
        }
        let between = |task: &&TaskRecord| task.name().starts_with("between ");
        assert!(read.iter().filter(between).count() >= 50);
        assert!(tasks.len() > 150);
    }
}
