//! How far a task has come.

use std::fmt;

/// What a live task is doing, as far as the registry can see.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::spawn(std::future::pending::<()>());
/// assert_eq!(taskleak::live_tasks()[0].state(), taskleak::TaskState::NeverPolled);
/// # task.abort(); }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TaskState {
    /// Spawned, and not polled (or, if blocking, not begun) yet.
    NeverPolled,
    /// Being polled right now; a blocking closure is running.
    Running,
    /// Its last poll returned `Pending`.
    Pending,
    /// Its runtime was shut down before it ended: it is not alive any more. Only in the reports of
    /// [`forbid_shutdown`](crate::Guard::forbid_shutdown) and [`verify_main!`](crate::verify_main).
    Killed,
}

impl TaskState {
    /// The state as a word for programs: `never_polled`. Its `Display` is for people: `never polled`.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::TaskState;
    ///
    /// assert_eq!(TaskState::NeverPolled.as_str(), "never_polled");
    /// assert_eq!(TaskState::NeverPolled.to_string(), "never polled");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverPolled => "never_polled",
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Killed => "killed",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverPolled => "never polled",
            _ => self.as_str(),
        })
    }
}
