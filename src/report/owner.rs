//! Who has the other half of what a leaked task waits for.

use super::project;
use crate::guard::Deadlocks;
use crate::registry::{TaskId, TaskInfo};
use crate::wait::{OtherHalf, WaitsFor};
use std::fmt;
use std::panic::Location;

/// A task that has the other half of what a leaked task waits for; see [`Leak::owners`](crate::Leak::owners).
///
/// Its `Display` is a few words: which task it is, what it has, and what it waits for itself.
#[derive(Clone, Debug)]
pub struct Owner {
    half: OtherHalf,
    task: TaskId,
    name: String,
    location: &'static Location<'static>,
    waits_for: Option<WaitsFor>,
    is_itself: bool,
}

impl Owner {
    /// The owners of what a task waits for, of those among `all`.
    pub(super) fn of(task: &TaskInfo, all: &[TaskInfo], found: &Deadlocks) -> Vec<Self> {
        let owners = found.of(task).map(|finding| finding.owners.as_slice());
        let owners = owners.unwrap_or_default().iter();
        owners
            .filter_map(|(number, half)| {
                // Of all live tasks in the process, whatever runtime they are on, but one has that number.
                let owner = all.iter().find(|one| one.tokio_id() == Some(*number))?;
                Some(Self {
                    half: *half,
                    task: owner.id(),
                    name: owner.name().to_owned(),
                    location: owner.location(),
                    waits_for: owner.waits_for(),
                    is_itself: owner.id() == task.id(),
                })
            })
            .collect()
    }

    /// What it has.
    pub fn half(&self) -> OtherHalf {
        self.half
    }

    /// Which task it is. It may be the very one that waits.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// What kind of thing it waits for itself.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        self.waits_for
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has = match self.half {
            OtherHalf::Sender => "seems to have a sender of the channel",
            OtherHalf::Receiver => "seems to have the receiver of the channel",
            OtherHalf::Permits => "seems to hold what it waits for",
            OtherHalf::Task => "is the awaited one",
        };
        if self.is_itself {
            return write!(f, "this very task {has}");
        }
        write!(f, "{} {has}", project::task(&self.name, self.location))?;
        match self.waits_for {
            Some(waits_for) => write!(f, ", and waits for {waits_for}"),
            None => Ok(()),
        }
    }
}
