//! Threads that leaked.

use crate::stack::Frame;
use crate::thread::{Doing, LiveThread};
use std::time::Duration;

/// A thread that a test started and left running; see [`Guard::threads`](crate::Guard::threads).
///
/// # Examples
///
/// ```
/// use taskleak::{Options, find};
///
/// if let Err(report) = find(Options::new().threads(true)) {
///     for thread in report.threads() {
///         println!("{} is still alive after {:?}", thread.name(), thread.age());
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct LeakedThread(pub(super) LiveThread);

impl LeakedThread {
    /// Its name, of which the system keeps fifteen bytes. A thread that was given none has that of the thread
    /// that started it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.0.age
    }

    /// Where it was started: the stack of that call, innermost frame first, all frames.
    pub fn frames(&self) -> &'static [Frame] {
        self.0.stack.frames()
    }

    /// The frames of it that a person wants; as [`TaskInfo::user_frames`](crate::TaskInfo::user_frames).
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        self.0.stack.user_frames()
    }

    /// What it was doing when it was looked at: `runs`, or the system call that it waits in.
    pub fn doing(&self) -> String {
        match &self.0.doing {
            Doing::Running => "runs".to_owned(),
            Doing::Waiting(call) => format!("waits in the system call {call}"),
            Doing::Unknown => "alive".to_owned(),
        }
    }

    /// Whether both came about in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.0.name == other.0.name && self.user_frames() == other.user_frames()
    }
}
