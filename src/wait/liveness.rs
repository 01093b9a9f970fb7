//! Whether a task can still go on.

use super::state_word::Schedule;

/// Whether a leaked task can ever be polled again, as far as that can be told.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use taskleak::{Liveness, Options, find, verify_none};
///
/// let guard = verify_none();
/// let task = taskleak::spawn(std::future::pending::<()>()).abort_handle();
/// tokio::task::yield_now().await;
/// let report = find(Options::new()).unwrap_err();
/// // `task` could still end it.
/// assert_eq!(report.leaks()[0].liveness(), Liveness::Wakeable);
/// drop(task);
/// let report = find(Options::new()).unwrap_err();
/// assert_eq!(report.leaks()[0].liveness(), Liveness::Orphan);
/// # drop(guard.on_leak(taskleak::Action::Warn)); }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
#[non_exhaustive]
pub enum Liveness {
    /// That cannot be told: it is no task of tokio's own, was never polled, or this version of tokio
    /// keeps its tasks in a way that taskleak does not know.
    #[default]
    Unknown,
    /// It is being polled, or is queued to be.
    Runnable,
    /// It was aborted, and has yet to be dropped.
    Cancelled,
    /// It is parked, and somebody has a waker or an abort handle of it.
    Wakeable,
    /// Proved: it is parked and no waker of it exists, so that it is never polled again. At most its
    /// `JoinHandle` could abort it.
    Orphan,
}

impl Liveness {
    /// A word for programs: `orphan`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::Liveness::Orphan.as_str(), "orphan");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Runnable => "runnable",
            Self::Cancelled => "cancelled",
            Self::Wakeable => "wakeable",
            Self::Orphan => "orphan",
        }
    }
}

/// What is known of a task's chances.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) liveness: Liveness,
    /// Its `JoinHandle` is still there: it could be aborted by that.
    pub(crate) join_handle: bool,
}

impl Standing {
    /// Whether it is certain that nothing but its runtime's end can end the task.
    pub(crate) fn is_final(self) -> bool {
        self.liveness == Liveness::Orphan && !self.join_handle
    }

    /// By a live task's state word, if that is known, of whose wakers taskleak itself keeps `own`.
    ///
    /// One look at the state word is enough: where it shows a parked task that nobody can reach,
    /// nobody is left to change that.
    pub(crate) fn of(schedule: Option<Schedule>, own: usize) -> Self {
        let Some(schedule) = schedule else {
            return Self::default();
        };
        let liveness = if schedule.cancelled || schedule.complete {
            Liveness::Cancelled
        } else if !schedule.is_parked() {
            Liveness::Runnable
        } else if schedule.holders > own {
            Liveness::Wakeable
        } else if schedule.holders == own {
            Liveness::Orphan
        } else {
            // Fewer than there must be: not what it was taken for.
            Liveness::Unknown
        };
        Self {
            liveness,
            join_handle: schedule.join_handle,
        }
    }
}
