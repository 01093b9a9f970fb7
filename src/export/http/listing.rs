//! A snapshot as the page reads it.

use super::choice::Choice;
use crate::manager::{Counts, NameCounts, Snapshot, Suspect, TaskRecord};
use std::time::SystemTime;

pub(super) const MOST: usize = 1000;

/// Bounded, however many tasks and names there are.
#[derive(serde::Serialize)]
pub(super) struct Listing<'a> {
    number: u64,
    /// Seconds since 1970.
    taken_at: f64,
    total: usize,
    counts: Counts,
    missed_events: u64,
    monitor_running: bool,
    /// How many there are; `suspects` may be fewer.
    suspects_total: usize,
    /// Those of most tasks.
    suspects: &'a [Suspect],
    names_total: usize,
    /// How many names have tasks that were asked for, or are called so themselves; `names` may be fewer.
    names_matching: usize,
    names: Vec<&'a NameCounts>,
    /// How many tasks were asked for; `tasks` may be fewer.
    matching: usize,
    tasks: Vec<&'a TaskRecord>,
    /// How many of them were not asked what they wait for, since there are very many.
    not_asked: usize,
}

impl<'a> Listing<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, choice: &Choice) -> Self {
        let mut tasks = choice.of(snapshot);
        let mut names = choice.names_of(snapshot, &tasks);
        let (matching, names_matching) = (tasks.len(), names.len());
        tasks.truncate(choice.most_tasks(MOST));
        names.truncate(choice.most_names(MOST));
        Self {
            number: snapshot.number(),
            taken_at: snapshot
                .taken_at()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0.0, |since| since.as_secs_f64()),
            total: snapshot.total(),
            counts: snapshot.counts(),
            missed_events: snapshot.missed_events(),
            monitor_running: crate::manager().monitor().is_running(),
            suspects_total: snapshot.suspects().len(),
            suspects: &snapshot.suspects()[..snapshot.suspects().len().min(MOST)],
            names_total: snapshot.names().len(),
            names_matching,
            names,
            matching,
            tasks,
            not_asked: snapshot.not_asked(),
        }
    }
}
