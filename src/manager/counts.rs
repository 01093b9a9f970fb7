//! How many tasks came and went.

use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

/// How many tasks came and went since the process began.
///
/// Each task is in `started` once, and once it has ended in exactly one of `finished`, `panicked`,
/// `aborted` and `shut_down`. Tasks that were spawned untracked, while the manager was disabled, are in
/// none.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// taskleak::task::Builder::new().name("job").spawn(async {}).await.unwrap();
/// let snapshot = taskleak::manager().snapshot();
/// let counts = snapshot.name("job").unwrap().counts();
/// assert_eq!((counts.started, counts.finished, counts.live()), (1, 1, 0));
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counts {
    /// Spawned.
    pub started: u64,
    /// Returned, in time or not. [Hooked](crate::TaskKind::Hooked) tasks are counted here also if they
    /// panicked or were aborted, which the runtime's hooks are not told.
    pub finished: u64,
    /// Ended by a panic, of a poll or of the future's destructor.
    pub panicked: u64,
    /// Dropped before they returned.
    pub aborted: u64,
    /// Dropped by their runtime's shutdown.
    pub shut_down: u64,
    /// Alive for longer than their time box at some time, however they ended.
    pub over_time: u64,
}

impl Counts {
    /// How many ended, in whatever way.
    ///
    /// # Examples
    ///
    /// ```
    /// let counts = taskleak::manager().snapshot().counts();
    /// assert_eq!(counts.ended(), counts.started - counts.live());
    /// ```
    pub fn ended(&self) -> u64 {
        self.finished + self.panicked + self.aborted + self.shut_down
    }

    /// How many started and have not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::manager::Counts::default().live(), 0);
    /// ```
    pub fn live(&self) -> u64 {
        self.started.saturating_sub(self.ended())
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.started += other.started;
        self.finished += other.finished;
        self.panicked += other.panicked;
        self.aborted += other.aborted;
        self.shut_down += other.shut_down;
        self.over_time += other.over_time;
    }
}

/// The tasks of one name in a [`Snapshot`](super::Snapshot). A name that was seen once stays, with a
/// live count of zero.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
/// let snapshot = taskleak::manager().snapshot();
/// let pollers = snapshot.name("poller").unwrap();
/// assert_eq!((pollers.name(), pollers.live()), ("poller", 1));
/// # task.abort(); }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct NameCounts {
    pub(super) name: Arc<str>,
    pub(super) live: usize,
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "oldest_seconds",
            serialize_with = "crate::json::some_seconds"
        )
    )]
    pub(super) oldest: Option<Duration>,
    pub(super) counts: Counts,
    /// Of some of its tasks at least; else it is in the code.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(super) is_made_at_run_time: bool,
}

impl NameCounts {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether some of its tasks were given it at run time, as `connection 17`; else it is in the code.
    #[cfg(feature = "prometheus")]
    pub(crate) fn is_made_at_run_time(&self) -> bool {
        self.is_made_at_run_time
    }

    /// How many tasks of the name the snapshot holds.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The age of the oldest of them; none if there are none.
    pub fn oldest(&self) -> Option<Duration> {
        self.oldest
    }

    /// How many came and went since the process began. Read a moment after the tasks themselves, so
    /// that [`Counts::live`] may differ from [`live`](Self::live) while tasks come and go.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
