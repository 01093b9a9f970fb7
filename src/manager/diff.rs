//! What changed between two snapshots.

use super::counts::Counts;
use super::snapshot::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// What changed from one [`Snapshot`] to a later one, by name: what grew first, and most.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let base = taskleak::manager().snapshot();
/// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
/// let diff = taskleak::manager().snapshot().diff(&base);
/// assert_eq!(diff.to_string(), "\
/// live tasks: 0 -> 1 (+1)
/// +1  poller  0 -> 1  (1 started, 0 ended)
/// ");
/// # task.abort(); }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SnapshotDiff {
    pub(super) before: usize,
    pub(super) after: usize,
    #[cfg_attr(
        feature = "serde",
        serde(rename = "between_seconds", serialize_with = "crate::json::seconds")
    )]
    pub(super) between: Duration,
    pub(super) names: Vec<NameDiff>,
}

/// What changed of one name.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let base = taskleak::manager().snapshot();
/// taskleak::task::Builder::new().name("job").spawn(async {}).await.unwrap();
/// let diff = taskleak::manager().snapshot().diff(&base);
/// let job = diff.names().iter().find(|one| one.name() == "job").unwrap();
/// assert_eq!((job.before(), job.after(), job.growth()), (0, 0, 0));
/// assert_eq!((job.started(), job.ended()), (1, 1));
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NameDiff {
    name: Arc<str>,
    before: usize,
    after: usize,
    started: u64,
    ended: u64,
}

impl NameDiff {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many were alive before.
    pub fn before(&self) -> usize {
        self.before
    }

    /// How many were alive after.
    pub fn after(&self) -> usize {
        self.after
    }

    /// How many more were alive after; negative if fewer.
    pub fn growth(&self) -> i64 {
        self.after as i64 - self.before as i64
    }

    /// How many were started between.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// How many ended between.
    pub fn ended(&self) -> u64 {
        self.ended
    }
}

impl SnapshotDiff {
    pub(super) fn new(base: &Snapshot, later: &Snapshot) -> Self {
        let mut names: Vec<NameDiff> = Vec::new();
        let none = (0, Counts::default());
        let mut add = |name: &Arc<str>, before: (usize, Counts), after: (usize, Counts)| {
            let change = NameDiff {
                name: name.clone(),
                before: before.0,
                after: after.0,
                started: after.1.started.saturating_sub(before.1.started),
                ended: after.1.ended().saturating_sub(before.1.ended()),
            };
            if change.before != change.after || change.started > 0 || change.ended > 0 {
                names.push(change);
            }
        };
        for after in later.names() {
            let before = base.name(after.name()).map(|name| (name.live, name.counts));
            add(
                &after.name,
                before.unwrap_or(none),
                (after.live, after.counts),
            );
        }
        for before in base.names() {
            // Only if `base` is the later one.
            if later.name(before.name()).is_none() {
                add(&before.name, (before.live, before.counts), none);
            }
        }
        names.sort_by(|one, other| {
            let order = |name: &NameDiff| (-name.growth(), std::cmp::Reverse(name.started));
            order(one)
                .cmp(&order(other))
                .then_with(|| one.name.cmp(&other.name))
        });
        Self {
            before: base.total(),
            after: later.total(),
            between: later.since(base),
            names,
        }
    }

    /// How many tasks were alive before.
    pub fn before(&self) -> usize {
        self.before
    }

    /// How many tasks were alive after.
    pub fn after(&self) -> usize {
        self.after
    }

    /// Time between the two, on a clock that is never set; zero if `base` is the later one.
    pub fn between(&self) -> Duration {
        self.between
    }

    /// The names of which tasks came or went; what grew most first.
    pub fn names(&self) -> &[NameDiff] {
        &self.names
    }

    /// The names of which more are alive, what grew most first.
    pub fn grown(&self) -> impl Iterator<Item = &NameDiff> {
        self.names.iter().filter(|name| name.growth() > 0)
    }

    /// The diff in colour, as [`pretty_assertions`](https://docs.rs/pretty_assertions) prints: what
    /// grew is green with `+`, what shrank is red with `-`. Its `Display` is the same without colour.
    ///
    /// # Examples
    ///
    /// ```
    /// # let (base, now) = (taskleak::manager().snapshot(), taskleak::manager().snapshot());
    /// eprintln!("{}", now.diff(&base).coloured());
    /// ```
    pub fn coloured(&self) -> impl std::fmt::Display + '_ {
        super::diff_text::DiffText {
            diff: self,
            in_colour: true,
        }
    }
}

impl std::fmt::Display for SnapshotDiff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        super::diff_text::DiffText {
            diff: self,
            in_colour: false,
        }
        .fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::time::SystemTime;

    /// Without tasks: so long after 1970 by the wall clock, and at a moment of the registry's.
    fn snapshot(wall: Duration, at: Duration) -> Snapshot {
        Snapshot {
            number: 1,
            taken_at: SystemTime::UNIX_EPOCH + wall,
            at: at.as_nanos() as u64,
            tasks: Vec::new(),
            names: Vec::new(),
            counts: Counts::default(),
            cut_off: 0,
            missed_events: 0,
            suspects: Vec::new(),
            #[cfg(feature = "pprof")]
            not_asked: 0,
        }
    }

    #[test]
    fn a_wall_clock_that_is_set_back_changes_no_duration() {
        let hour = Duration::from_secs(3600);
        let base = snapshot(2 * hour, hour);
        let later = snapshot(hour, hour + Duration::from_secs(10));
        assert!(later.taken_at() < base.taken_at());
        assert_eq!(later.diff(&base).between(), Duration::from_secs(10));
    }

    #[test]
    fn nothing_changed_is_one_line() {
        let base = snapshot(Duration::ZERO, Duration::ZERO);
        assert_eq!(base.diff(&base).to_string(), "live tasks: 0 -> 0 (=0)\n");
    }
}
