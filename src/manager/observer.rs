//! Being told what happens to tasks.

use super::interest::Interest;
use super::mailbox::Mailbox;
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Is told what happens to tasks; see [`Manager::add_observer`](super::Manager::add_observer).
///
/// Every observer has a thread of its own, on which it is called for one event after the other, in
/// their order, some milliseconds after they happened. It may be slow, block or panic: no task waits for it and no
/// other observer does. What it could not be told, because it fell behind by more than the queue holds, it is told the
/// number of ([`events_missed`](Self::events_missed)).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::time::Duration;
/// use taskleak::manager::{Observer, TaskRecord};
///
/// #[derive(Default)]
/// struct Slow(AtomicUsize);
///
/// impl Observer for Slow {
///     fn timebox_exceeded(&self, task: &TaskRecord) {
///         eprintln!("{} takes more than {:?}", task.name(), task.timebox());
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let slow = Arc::new(Slow::default());
/// let observing = taskleak::manager().add_observer(slow.clone());
/// let handler = taskleak::task::Builder::new()
///     .name("handler")
///     .timebox(Duration::from_millis(1))
///     .spawn(async { tokio::time::sleep(Duration::from_millis(20)).await });
/// handler.await.unwrap();
/// observing.flush(Duration::from_secs(10));
/// assert_eq!(slow.0.load(Ordering::Relaxed), 1);
/// # }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// What it wants to be told of tasks; asked once, when it is added. What no
    /// observer wants costs tasks nothing. Default: everything.
    fn interest(&self) -> Interest {
        Interest::all()
    }

    /// A task was spawned. Its status is [`Created`](super::Status::Created).
    fn task_started(&self, task: &TaskRecord) {
        let _ = task;
    }

    /// A task ended. Its status says how.
    fn task_finished(&self, task: &TaskRecord) {
        let _ = task;
    }

    /// A task has been alive for longer than its time box; once a task. If the task ends at this very
    /// moment, `task_finished` may come first.
    fn timebox_exceeded(&self, task: &TaskRecord) {
        let _ = task;
    }

    /// The [monitor](super::Monitor) took a snapshot. At most two wait to be told: of further ones the
    /// latest are, and the others are missed.
    fn snapshot_taken(&self, snapshot: &Snapshot) {
        let _ = snapshot;
    }

    /// The monitor found a name that keeps growing; told with each snapshot while it is a suspect.
    fn suspect_found(&self, suspect: &Suspect) {
        let _ = suspect;
    }

    /// So many events that it [wants](Self::interest) were dropped since the last call, because this observer or all of
    /// them together were too slow.
    fn events_missed(&self, count: u64) {
        let _ = count;
    }
}

impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn interest(&self) -> Interest {
        (**self).interest()
    }

    fn task_started(&self, task: &TaskRecord) {
        (**self).task_started(task);
    }

    fn task_finished(&self, task: &TaskRecord) {
        (**self).task_finished(task);
    }

    fn timebox_exceeded(&self, task: &TaskRecord) {
        (**self).timebox_exceeded(task);
    }

    fn snapshot_taken(&self, snapshot: &Snapshot) {
        (**self).snapshot_taken(snapshot);
    }

    fn suspect_found(&self, suspect: &Suspect) {
        (**self).suspect_found(suspect);
    }

    fn events_missed(&self, count: u64) {
        (**self).events_missed(count);
    }
}

/// Keeps an [`Observer`] added; when it is dropped, the observer is told no more.
///
/// # Examples
///
/// ```
/// struct Quiet;
/// impl taskleak::manager::Observer for Quiet {}
///
/// let observing = taskleak::manager().add_observer(Quiet);
/// observing.remove();
/// taskleak::manager().add_observer(Quiet).keep(); // for good
/// ```
#[must_use = "the observer is removed when its handle is dropped; `keep` it for good, or bind it"]
pub struct ObserverHandle {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) keep: bool,
}

impl ObserverHandle {
    /// Removes the observer: it is called no more. One call may be under way, or just beginning, when
    /// this returns.
    pub fn remove(self) {
        drop(self);
    }

    /// Leaves the observer added for as long as the process runs.
    pub fn keep(mut self) {
        self.keep = true;
    }

    /// Waits until the observer was told all that happened before this call, or how many events of that it
    /// has missed, at most so long; not for what happens meanwhile, however much. Says whether it was. Blocks the
    /// thread: not to be called from the observer itself.
    pub fn flush(&self, at_most: Duration) -> bool {
        super::dispatcher::flush(&self.mailbox, at_most)
    }

    /// How many events this observer was not told of although it wanted to.
    pub fn missed(&self) -> u64 {
        self.mailbox.missed()
    }

    /// How often the observer panicked. It is called again for the next event.
    pub fn panics(&self) -> u64 {
        self.mailbox.panics()
    }
}

impl Drop for ObserverHandle {
    fn drop(&mut self) {
        if !self.keep {
            super::dispatcher::remove(&self.mailbox);
        }
    }
}

impl fmt::Debug for ObserverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverHandle")
            .field("missed", &self.missed())
            .field("panics", &self.panics())
            .finish_non_exhaustive()
    }
}
