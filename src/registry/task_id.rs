//! What names a task.

use super::pool;
use super::slot::Reading;
use std::fmt;

/// Names one task, for the life of the process.
///
/// Not [`tokio::task::Id`], which is given again once its task has ended.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::spawn(std::future::pending::<()>());
/// let live = taskleak::live_tasks();
/// assert!(live.iter().any(|one| one.id() == live[0].id()));
/// # task.abort(); }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TaskId(u64);

impl TaskId {
    pub(super) fn new(sequence: u32, index: u32) -> Self {
        Self(u64::from(sequence) << 32 | u64::from(index))
    }

    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        (bits != 0).then_some(Self(bits))
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(super) fn sequence(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The task's record, while it lives.
    pub(crate) fn read(self) -> Option<Reading> {
        pool::get(self.0 as u32)?
            .read()
            .filter(|reading| reading.id == self)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TaskId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 as u32, self.sequence() / 2)
    }
}
