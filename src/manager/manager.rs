//! The one manager of the process.

use super::config::Config;
use super::dispatcher;
use super::mailbox::Mailbox;
use super::monitor::Monitor;
use super::observer::{Observer, ObserverHandle};
use super::shutdown::{self, Unfinished};
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::take;
use crate::registry::{names, spawner};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The registry of live tasks as a service sees it; there is one in a process: [`manager`].
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let worker = taskleak::task::Builder::new().name("worker").spawn(std::future::pending::<()>());
/// for task in taskleak::manager().snapshot().tasks() {
///     println!("{} {} for {:?}, spawned at {}", task.name(), task.status(), task.age(), task.location());
/// }
/// # worker.abort(); }
/// ```
pub struct Manager {
    config: Mutex<Config>,
    monitor: Monitor,
    #[cfg(feature = "metrics")]
    pub(super) monitors: super::metrics::Monitors,
}

/// The manager of this process.
///
/// It is on by default, with spawn sites and without backtraces. If an environment variable has a value
/// that is not understood, a note on standard error says so, and that one's default holds.
///
/// # Examples
///
/// ```
/// println!("{} tasks are alive", taskleak::manager().snapshot().total());
/// ```
pub fn manager() -> &'static Manager {
    static MANAGER: OnceLock<Manager> = OnceLock::new();
    MANAGER.get_or_init(|| {
        crate::config::note_errors();
        Manager {
            config: Mutex::new(Config::new()),
            monitor: Monitor::new(),
            #[cfg(feature = "metrics")]
            monitors: super::metrics::Monitors::default(),
        }
    })
}

impl Manager {
    fn lock(&self) -> MutexGuard<'_, Config> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the manager up; all of it holds from now on. What a [`Config::new`] is not told is as the environment or
    /// the default says again, whatever was set before, by [`enable`](Self::enable) or [`Monitor::set_interval`] too.
    /// To change one thing, begin with [`config`](Self::config).
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::manager::Config;
    ///
    /// let manager = taskleak::manager();
    /// manager.configure(Config::new().growth(10));
    /// manager.configure(manager.config().backtraces(true)); // the growth is still 10
    /// assert_eq!(manager.config(), Config::new().growth(10).backtraces(true));
    /// ```
    pub fn configure(&self, config: Config) {
        self.reconfigure(|_| config);
    }

    /// How it is set up.
    ///
    /// # Examples
    ///
    /// ```
    /// println!("{:?}", taskleak::manager().config());
    /// ```
    pub fn config(&self) -> Config {
        self.lock().clone()
    }

    pub(super) fn reconfigure(&self, change: impl FnOnce(Config) -> Config) {
        let mut current = self.lock();
        let config = change(current.clone());
        let are_switched_off = current.snapshots && !config.snapshots;
        Self::apply(&mut current, config);
        drop(current);
        if are_switched_off {
            self.monitor.switched_off();
        }
        self.monitor.reconfigured();
    }

    fn apply(current: &mut Config, config: Config) {
        // Whoever runs the service has the last word.
        let may_capture = crate::config::get().backtraces != crate::config::Backtraces::Off;
        if may_capture && current.backtraces != config.backtraces {
            if config.backtraces {
                spawner::request_backtraces();
            } else {
                spawner::release_backtraces();
            }
        }
        names::set_limit(config.names);
        crate::config::set_manager(config.enabled);
        *current = config;
    }

    /// Tracks the tasks that are spawned from now on. With `TASKLEAK=off` in the environment none is,
    /// whatever is said here.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::manager().enable();
    /// assert!(taskleak::manager().is_enabled());
    /// ```
    pub fn enable(&self) {
        self.reconfigure(|config| config.enabled(true));
    }

    /// Spawns are tokio's own from now on, except while a guard is open. Tasks that are tracked
    /// already stay so to their end, and are counted when they end.
    ///
    /// What a program relies on goes on: [limits](crate::task::Builder::limit) hold, and tasks whose time
    /// box [aborts](crate::task::TimeboxAction::Abort) them are tracked all the same. But
    /// [`shutdown`](Self::shutdown) waits for tracked tasks only: for none of those that are spawned from
    /// now on.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::manager().disable();
    /// let task = taskleak::spawn(std::future::pending::<()>());
    /// assert_eq!(taskleak::manager().snapshot().total(), 0);
    /// # taskleak::manager().enable(); task.abort(); }
    /// ```
    pub fn disable(&self) {
        self.reconfigure(|config| config.enabled(false));
    }

    /// Whether tasks are tracked also where no guard is open: it is [enabled](Config::enabled), and the
    /// environment does not say `TASKLEAK=off`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(taskleak::manager().is_enabled());
    /// ```
    pub fn is_enabled(&self) -> bool {
        self.lock().enabled && crate::config::may_track()
    }

    /// Whether every spawn captures a backtrace from now on. With `TASKLEAK_BACKTRACE=off` none does,
    /// whatever is said here.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::manager().set_backtraces(true);
    /// let task = taskleak::spawn(std::future::pending::<()>());
    /// assert!(!taskleak::manager().snapshot().tasks()[0].frames().is_empty());
    /// # taskleak::manager().set_backtraces(false); task.abort(); }
    /// ```
    pub fn set_backtraces(&self, captured: bool) {
        self.reconfigure(|config| config.backtraces(captured));
    }

    /// All live tasks, and how many came and went by name. 100 000 tasks take some tens of
    /// milliseconds. Spawns go on meanwhile: no lock of taskleak's that they need is held for longer
    /// than it takes to copy the references to some names, which is some microseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// let snapshot = taskleak::manager().snapshot();
    /// println!("{} live, {} panicked", snapshot.total(), snapshot.counts().panicked);
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        Self::take(self.monitor.suspects())
    }

    /// A snapshot that says of each task what it waits for
    /// ([`TaskRecord::await_trace`](super::TaskRecord::await_trace)). To say so, each task is polled
    /// once, by its own runtime: to it, that is a spurious wake. Waits until all have answered, at
    /// most for `within`; those that hold their thread do not answer. About two microseconds a task.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (never, mut nothing) = tokio::sync::mpsc::channel::<()>(1);
    /// let task = taskleak::spawn(async move { nothing.recv().await });
    /// tokio::task::yield_now().await;
    /// let snapshot = taskleak::manager().traced_snapshot(Duration::from_secs(1)).await;
    /// let trace = snapshot.tasks()[0].await_trace().unwrap();
    /// assert!(trace.to_string().contains("recv"), "{trace}");
    /// # drop(never); task.await.unwrap(); }
    /// ```
    pub async fn traced_snapshot(&self, within: Duration) -> Snapshot {
        super::trace::snapshot(|| self.snapshot(), within).await
    }

    /// Asks some tasks of a snapshot what they wait for, on a thread that none of them needs. Of very many not all
    /// are asked.
    #[cfg(feature = "http")]
    pub(crate) fn ask_here(
        &self,
        snapshot: &mut Snapshot,
        is_asked: impl Fn(&super::TaskRecord) -> bool,
        within: Duration,
    ) {
        let tasks = snapshot.tasks().iter().filter(|task| is_asked(task));
        let tasks = tasks.map(super::TaskRecord::reading).collect();
        super::trace::ask_some(tasks, snapshot, within);
    }

    pub(super) fn take(suspects: Vec<Suspect>) -> Snapshot {
        take::snapshot(suspects)
    }

    /// The one that takes snapshots every so often. It does not run until it is started.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::manager().monitor().start();
    /// # taskleak::manager().monitor().stop(); }
    /// ```
    pub fn monitor(&'static self) -> &'static Monitor {
        &self.monitor
    }

    /// Waits until all tracked tasks have ended, at most for `grace`. Nothing is aborted, and tasks may go
    /// on to spawn: stop what makes new work first. On the real clock.
    ///
    /// Not waited for are background tasks, and tasks that call this too, or wait for one that does: the
    /// running task, the one that spawned it, and so on up to the first whose parent has ended. What is
    /// above that one cannot be told: a task that waits for this call by other means than having spawned
    /// its task is waited for, and named after the grace.
    ///
    /// **Only tracked tasks are.** Those that tokio's own functions spawned, and those that were spawned
    /// while tracking was [off](Self::disable), are not known: with `TASKLEAK=off` this returns `Ok` at
    /// once. [`is_enabled`](Self::is_enabled) tells.
    ///
    /// # Errors
    /// If tasks are left after the grace: the error names them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::spawn(async { tokio::time::sleep(Duration::from_millis(5)).await });
    /// if let Err(unfinished) = taskleak::manager().shutdown(Duration::from_secs(10)).await {
    ///     panic!("{unfinished}");
    /// }
    /// # }
    /// ```
    pub async fn shutdown(&self, grace: Duration) -> Result<(), Unfinished> {
        shutdown::all_ended(grace).await
    }

    /// Adds an observer, which is told what happens to tasks from now on, on a thread of its own.
    ///
    /// How many events may wait for it is [`Config::queue`](super::Config::queue) as it is now. The first
    /// observer decides on the length of the queue that all share, too.
    ///
    /// If the system has no thread to give, a note says so on standard error, and the observer is
    /// never called.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::manager::{Observer, TaskRecord};
    ///
    /// struct Log;
    ///
    /// impl Observer for Log {
    ///     fn task_finished(&self, task: &TaskRecord) {
    ///         println!("op={} {} {} after {:?}", task.operation(), task.name(), task.status(), task.age());
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let observing = taskleak::manager().add_observer(Log);
    /// taskleak::task::Builder::new().name("job").spawn(async {}).await.unwrap();
    /// assert!(observing.flush(std::time::Duration::from_secs(10)));
    /// # }
    /// ```
    pub fn add_observer(&self, observer: impl Observer) -> ObserverHandle {
        let capacity = self.lock().queue;
        let mailbox = dispatcher::add(observer, capacity).unwrap_or_else(|error| {
            crate::note::say(format_args!(
                "an observer cannot be called, since no thread could be started: {error}. Raise the \
                 limit on threads, or add fewer observers."
            ));
            Mailbox::closed()
        });
        ObserverHandle {
            mailbox,
            keep: false,
        }
    }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager")
            .field("config", &self.config())
            .finish_non_exhaustive()
    }
}
