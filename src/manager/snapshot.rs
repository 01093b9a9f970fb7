//! All live tasks at one moment.

use super::counts::{Counts, NameCounts};
use super::diff::SnapshotDiff;
use super::status::Status;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use std::time::{Duration, SystemTime};

/// All live tracked tasks, and how many came and went by name, read at one moment.
///
/// Nothing is stopped while it is read: each task is read whole or not at all, and one that comes or
/// goes at this very moment may be in it or not.
///
/// With the feature `serde` it can be serialized, in the way of the reports of the feature `json`: a key is the name of
/// the method that tells the same, without `is_`; a duration is in seconds, and its key ends in `_seconds`; a time is
/// in seconds since 1970; a place has `file`, `line` and `column`, a frame `function` too; kinds, states and statuses
/// are the words of their `as_str`. Of each [`TaskRecord`] there is all but `frames`, `last_poll` and `stack_id`.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use taskleak::task::Builder;
///
/// let poller = Builder::new().name("poller").spawn(std::future::pending::<()>());
/// Builder::new().name("job").spawn(async {}).await.unwrap();
/// let snapshot = taskleak::manager().snapshot();
/// assert_eq!(snapshot.total(), 1);
/// for name in snapshot.names() {
///     println!("{}: {} live of {}", name.name(), name.live(), name.counts().started);
/// }
/// assert_eq!(snapshot.live("poller"), 1);
/// assert_eq!(snapshot.live("job"), 0);
/// # poller.abort(); }
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Snapshot {
    pub(super) number: u64,
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::time"))]
    pub(super) taken_at: SystemTime,
    /// On the registry's clock, which is never set.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) at: u64,
    /// Oldest first.
    pub(super) tasks: Vec<TaskRecord>,
    /// By name.
    pub(super) names: Vec<NameCounts>,
    pub(super) counts: Counts,
    pub(super) cut_off: u64,
    pub(super) missed_events: u64,
    pub(super) suspects: Vec<Suspect>,
    /// How many tasks were not asked what they wait for, since there are very many.
    #[cfg(feature = "pprof")]
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) not_asked: usize,
}

impl Snapshot {
    /// Counts the snapshots of this process, from 1 on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was taken, by the wall clock: a later snapshot may have an earlier time if the clock
    /// was set back meanwhile.
    pub fn taken_at(&self) -> SystemTime {
        self.taken_at
    }

    /// How many tracked tasks were alive.
    pub fn total(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks, oldest first.
    pub fn tasks(&self) -> &[TaskRecord] {
        &self.tasks
    }

    /// The tasks of a name, oldest first.
    pub fn tasks_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a TaskRecord> {
        self.tasks.iter().filter(move |task| task.name() == name)
    }

    /// The tasks whose time box was over, oldest first.
    pub fn over_time(&self) -> impl Iterator<Item = &TaskRecord> {
        self.tasks
            .iter()
            .filter(|task| task.status() == Status::OverTime)
    }

    /// The task that was alive for longest.
    pub fn oldest(&self) -> Option<&TaskRecord> {
        self.tasks.first()
    }

    /// Every name that was ever seen, in alphabetical order, with a count of zero if no task of it
    /// was alive.
    pub fn names(&self) -> &[NameCounts] {
        &self.names
    }

    /// What is known of one name; none if no task was ever called so.
    pub fn name(&self, name: &str) -> Option<&NameCounts> {
        let place = self
            .names
            .binary_search_by(|one| one.name().cmp(name))
            .ok()?;
        Some(&self.names[place])
    }

    /// How many tasks of a name were alive.
    pub fn live(&self, name: &str) -> usize {
        self.name(name).map_or(0, NameCounts::live)
    }

    /// How many tasks came and went since the process began, all names together.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many tasks were started whose names were one too many to be kept
    /// ([`Config::names`](super::Config::names)): their totals stand under `(other names)`.
    pub fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// How many events no observer was told of, because the queue was full.
    pub fn missed_events(&self) -> u64 {
        self.missed_events
    }

    /// The names that kept growing, as the [monitor](super::Monitor) last found; empty if it never
    /// ran, or has stopped.
    pub fn suspects(&self) -> &[Suspect] {
        &self.suspects
    }

    /// How many tasks were not asked what they wait for, since there are very many of which only some are.
    #[cfg(feature = "pprof")]
    pub(crate) fn not_asked(&self) -> usize {
        self.not_asked
    }

    /// What changed since `base`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let base = taskleak::manager().snapshot();
    /// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
    /// let diff = taskleak::manager().snapshot().diff(&base);
    /// assert_eq!(diff.grown().next().unwrap().name(), "poller");
    /// # task.abort(); }
    /// ```
    pub fn diff(&self, base: &Self) -> SnapshotDiff {
        SnapshotDiff::new(base, self)
    }

    /// Time between two snapshots, on a clock that is never set.
    pub(super) fn since(&self, base: &Self) -> Duration {
        Duration::from_nanos(self.at.saturating_sub(base.at))
    }
}
