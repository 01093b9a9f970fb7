//! How far a task has come.

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
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
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
