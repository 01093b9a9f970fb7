//! How far a task has come.

use std::fmt;

/// How far a task has come, or how it ended.
///
/// # Examples
///
/// ```
/// use taskleak::manager::Status;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::spawn(std::future::pending::<()>());
/// assert_eq!(taskleak::manager().snapshot().tasks()[0].status(), Status::Created);
/// tokio::task::yield_now().await;
/// assert_eq!(taskleak::manager().snapshot().tasks()[0].status(), Status::Running);
/// # task.abort(); }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Status {
    /// Spawned, and not polled yet; a blocking closure that has not begun.
    Created,
    /// Polled at least once, and not ended.
    Running,
    /// Alive for longer than its [time box](crate::task::Builder::timebox).
    OverTime,
    /// It returned. Of a [hooked](crate::TaskKind::Hooked) task only that it ended while its runtime went on: by
    /// returning, by a panic or by an abort, which the runtime's hooks are not told.
    Finished,
    /// It returned after its time box was over.
    FinishedOverTime,
    /// It panicked: in a poll, or when its future was dropped, as tokio's
    /// [`JoinError`](tokio::task::JoinError) says too.
    Panicked,
    /// It was dropped before it returned: by an abort, or by whoever held its future.
    Aborted,
    /// Its runtime was shut down before it returned, or already when it was spawned. Not told from
    /// [`Aborted`](Self::Aborted) for tasks of a `LocalSet` and for blocking closures that had not begun; nor, while a
    /// guard is open, on a runtime that is no [`taskleak::runtime::Runtime`](crate::runtime::Runtime).
    ShutDown,
}

impl Status {
    /// Whether a task of this status is alive.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::manager::Status;
    /// assert!(Status::OverTime.is_live());
    /// assert!(!Status::FinishedOverTime.is_live());
    /// ```
    pub fn is_live(self) -> bool {
        matches!(self, Self::Created | Self::Running | Self::OverTime)
    }

    /// The status as a word for programs: `shut_down`. Its `Display` is for people: `shut down`.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::manager::Status;
    ///
    /// assert_eq!(Status::ShutDown.as_str(), "shut_down");
    /// assert_eq!(Status::ShutDown.to_string(), "shut down");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::OverTime => "over_time",
            Self::Finished => "finished",
            Self::FinishedOverTime => "finished_over_time",
            Self::Panicked => "panicked",
            Self::Aborted => "aborted",
            Self::ShutDown => "shut_down",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OverTime => "over time",
            Self::FinishedOverTime => "finished over time",
            Self::ShutDown => "shut down",
            _ => self.as_str(),
        })
    }
}
