//! What an observer wants to be told of tasks.

/// Which events of tasks an [`Observer`](super::Observer) wants to be told, as its
/// [`interest`](super::Observer::interest) says. What nobody wants costs a task nothing.
///
/// Time boxes that are over, snapshots and suspects are rare, and told to every observer.
///
/// # Examples
///
/// ```
/// use taskleak::manager::{Interest, Observer, TaskRecord};
///
/// struct Panics;
///
/// impl Observer for Panics {
///     fn interest(&self) -> Interest {
///         Interest::all().without_starts()
///     }
///
///     fn task_finished(&self, task: &TaskRecord) {
///         println!("{} {}", task.name(), task.status());
///     }
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use = "an interest does nothing until `Observer::interest` returns it"]
pub struct Interest {
    pub(super) starts: bool,
    pub(super) ends: bool,
}

impl Interest {
    pub(super) const NONE: Self = Self {
        starts: false,
        ends: false,
    };

    /// All events. This is the default.
    ///
    /// # Examples
    ///
    /// ```
    /// let interest = taskleak::manager::Interest::all();
    /// ```
    pub fn all() -> Self {
        Self {
            starts: true,
            ends: true,
        }
    }

    /// Not that tasks start: [`task_started`](super::Observer::task_started) is never called.
    ///
    /// # Examples
    ///
    /// ```
    /// let interest = taskleak::manager::Interest::all().without_starts();
    /// ```
    pub fn without_starts(mut self) -> Self {
        self.starts = false;
        self
    }

    /// Not that tasks end: [`task_finished`](super::Observer::task_finished) is never called.
    ///
    /// # Examples
    ///
    /// ```
    /// let interest = taskleak::manager::Interest::all().without_starts().without_ends();
    /// ```
    pub fn without_ends(mut self) -> Self {
        self.ends = false;
        self
    }

    /// What either of two wants.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            starts: self.starts || other.starts,
            ends: self.ends || other.ends,
        }
    }
}
