//! Ids of tasks that are unique beyond the process, for logs.

use super::{TaskId, current};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Names one task's run among those of all processes: the id to write into logs, so that the lines of
/// one operation can be found, and those of the one that began it.
///
/// Every tracked task has one, and knows that of its originator: the task that spawned it. Its
/// `Display` is 32 hexadecimal digits, as a trace id's.
///
/// # Examples
///
/// ```
/// use taskleak::task::OperationId;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// taskleak::spawn(async {
///     let request = OperationId::current();
///     taskleak::spawn(async move {
///         println!("op={} of={}", OperationId::current().unwrap(), request.unwrap());
///         assert_eq!(OperationId::originator(), request);
///     }).await.unwrap();
/// }).await.unwrap();
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(u128);

impl OperationId {
    pub(crate) fn of(task: TaskId) -> Self {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        // The standard library seeds its hashers from the system's randomness.
        let process = PROCESS.get_or_init(|| RandomState::new().hash_one(std::process::id()));
        Self(u128::from(*process) << 64 | u128::from(task.to_bits()))
    }

    /// That of the running task; none outside of tracked tasks.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::task::OperationId::current(), None);
    /// ```
    pub fn current() -> Option<Self> {
        current::task().map(|task| Self::of(task.id()))
    }

    /// That of the task that spawned the running one; none if no tracked task did.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::task::OperationId::originator(), None);
    /// ```
    pub fn originator() -> Option<Self> {
        current::task()?.parent().map(Self::of)
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperationId({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for OperationId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
