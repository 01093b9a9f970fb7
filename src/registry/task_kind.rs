//! In which way a task was spawned.

use super::slot::flag;
use std::fmt;

/// How a task was spawned.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::spawn(std::future::pending::<()>());
/// assert_eq!(taskleak::live_tasks()[0].kind(), taskleak::TaskKind::Task);
/// # task.abort(); }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TaskKind {
    /// By `spawn`: the runtime's own task.
    Task,
    /// By `spawn_local`: a task of a `LocalSet`.
    Local,
    /// By `spawn_blocking`: a closure on the blocking pool.
    Blocking,
    /// By a spawner that taskleak does not wrap, with [`Track`](crate::Track).
    Future,
    /// By anybody, on a runtime that taskleak built in a program with `--cfg tokio_unstable`: seen by
    /// the runtime's task hooks. They tell that a task ended, not how: one that panicked or was aborted
    /// counts as finished, unless its runtime was shut down.
    Hooked,
}

impl TaskKind {
    /// The kind as a word for programs: `blocking`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::TaskKind::Blocking.as_str(), "blocking");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Local => "local",
            Self::Blocking => "blocking",
            Self::Future => "future",
            Self::Hooked => "hooked",
        }
    }

    pub(super) fn to_bits(self) -> u32 {
        match self {
            Self::Task => 0,
            Self::Local => 1,
            Self::Blocking => 2,
            Self::Future => 3,
            Self::Hooked => flag::HOOKED,
        }
    }

    /// Of a record's flags.
    pub(crate) fn from_flags(flags: u32) -> Self {
        Self::from_bits(flags)
    }

    pub(super) fn from_bits(bits: u32) -> Self {
        match bits & flag::KIND {
            0 => Self::Task,
            1 => Self::Local,
            2 => Self::Blocking,
            3 => Self::Future,
            _ => Self::Hooked,
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
