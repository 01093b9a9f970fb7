//! Where a task comes from and where it waits, whoever knows it.

use crate::manager::TaskRecord;
use crate::stack::Frame;
use crate::wait::AwaitTrace;
use crate::{Ancestor, TaskInfo};
use std::panic::Location;

/// What has a stack to draw: a task of a [`Snapshot`](crate::manager::Snapshot), or one of a
/// [`LeakReport`](crate::LeakReport).
///
/// Only these are: the trait cannot be implemented elsewhere.
///
/// # Examples
///
/// ```
/// use taskleak::export::TaskStack;
///
/// fn names(tasks: &[impl TaskStack]) -> Vec<&str> {
///     tasks.iter().map(TaskStack::name).collect()
/// }
/// # names(&taskleak::live_tasks());
/// ```
pub trait TaskStack: sealed::Sealed {
    /// The task's name.
    fn name(&self) -> &str;

    /// Where it was spawned.
    fn location(&self) -> &'static Location<'static>;

    /// The frames of its spawn backtrace that a person wants, innermost first.
    fn user_frames(&self) -> Vec<&'static Frame>;

    /// The tracked tasks above it, from the one that spawned it to the first.
    fn ancestors(&self) -> Vec<Ancestor>;

    /// Where it was suspended, if that was traced.
    fn await_trace(&self) -> Option<&AwaitTrace>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::manager::TaskRecord {}
    impl Sealed for crate::TaskInfo {}
}

impl TaskStack for TaskRecord {
    fn name(&self) -> &str {
        self.name()
    }

    fn location(&self) -> &'static Location<'static> {
        self.location()
    }

    fn user_frames(&self) -> Vec<&'static Frame> {
        self.user_frames()
    }

    fn ancestors(&self) -> Vec<Ancestor> {
        self.ancestors()
    }

    fn await_trace(&self) -> Option<&AwaitTrace> {
        self.await_trace()
    }
}

impl TaskStack for TaskInfo {
    fn name(&self) -> &str {
        self.name()
    }

    fn location(&self) -> &'static Location<'static> {
        self.location()
    }

    fn user_frames(&self) -> Vec<&'static Frame> {
        self.user_frames()
    }

    fn ancestors(&self) -> Vec<Ancestor> {
        self.ancestors().to_vec()
    }

    fn await_trace(&self) -> Option<&AwaitTrace> {
        self.await_trace()
    }
}
