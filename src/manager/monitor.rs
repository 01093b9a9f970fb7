//! Cyclic snapshots.

use super::dispatcher;
use super::growth::{Grown, GrowthWatch};
use super::manager::{Manager, manager};
use super::snapshot::Snapshot;
use super::suspect::Suspect;
use super::task_record::TaskRecord;
use super::trace;
use super::worker::Worker;
use crate::registry::alarm::Sleep;
use crate::registry::timings;
use crate::task::Builder;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Takes a snapshot every so often, tells observers of it, and watches which names keep growing.
///
/// It is a background task itself, named `taskleak-monitor`, whose snapshots are taken on a thread of
/// taskleak's own: also when every thread of its runtime's blocking pool is busy. There is one:
/// [`Manager::monitor`](super::Manager::monitor). Starting it twice or stopping it twice does nothing
/// more, and both may be done from anywhere at any time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::manager::{Observer, Snapshot, Suspect};
///
/// struct Watch;
///
/// impl Observer for Watch {
///     fn snapshot_taken(&self, snapshot: &Snapshot) {
///         println!("{} tasks are alive", snapshot.total());
///     }
///
///     fn suspect_found(&self, suspect: &Suspect) {
///         eprintln!("{suspect}");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// taskleak::manager().add_observer(Watch).keep();
/// let monitor = taskleak::manager().monitor();
/// monitor.set_interval(Duration::from_secs(30));
/// monitor.start();
/// assert!(monitor.is_running());
/// monitor.stop();
/// # }
/// ```
pub struct Monitor {
    state: Mutex<State>,
    /// Held while a snapshot is taken and made known: in the order in which they were taken, and none
    /// after [`stop`](Self::stop).
    turn: Mutex<Turn>,
    /// The interval was changed, snapshots were switched on or off, or the monitor stopped.
    changed: Notify,
}

struct State {
    /// Counts the starts and stops.
    generation: u64,
    is_running: bool,
    last: Option<Arc<Snapshot>>,
    /// When its run took the last snapshot, or began.
    since: Instant,
    /// As of its last snapshot; none once it has stopped, since nobody would take them back.
    suspects: Vec<Suspect>,
}

#[derive(Default)]
struct Turn {
    growth: GrowthWatch,
    /// The run that is watched: what grew in an earlier one, or while none was, is no part of it.
    generation: u64,
}

/// One run of the monitor, from its start until its task is gone: also when its runtime goes.
struct Run {
    monitor: &'static Monitor,
    generation: u64,
}

const SHORTEST: Duration = Duration::from_millis(1);

static WORKER: Worker = Worker::new("taskleak-snapshot", 1);

impl Monitor {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                generation: 0,
                is_running: false,
                last: None,
                since: Instant::now(),
                suspects: Vec::new(),
            }),
            turn: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it on the runtime the code runs in, unless it runs already. The first snapshot is taken
    /// after one interval. If that runtime is shut down, the monitor stops, and may be started on
    /// another one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::manager().monitor().start();
    /// taskleak::manager().monitor().start(); // runs already
    /// # taskleak::manager().monitor().stop(); }
    /// ```
    pub fn start(&'static self) {
        self.start_on(&Handle::current());
    }

    /// Starts it on the runtime of `handle`, unless it runs already.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// taskleak::manager().monitor().start_on(runtime.handle());
    /// drop(runtime);
    /// assert!(!taskleak::manager().monitor().is_running());
    /// ```
    pub fn start_on(&'static self, handle: &Handle) {
        let run = {
            let mut state = self.lock();
            if state.is_running {
                return;
            }
            state.is_running = true;
            state.generation += 1;
            state.since = Instant::now();
            timings::want();
            Run {
                monitor: self,
                generation: state.generation,
            }
        };
        // On a runtime that was shut down the future is dropped at once, and the run with it.
        Builder::new()
            .name("taskleak-monitor")
            .background()
            .spawn_on(run.go(), handle);
    }

    /// Stops it: no observer is told of a snapshot that is not on its way when this returns, and no
    /// name is suspect any more. Waits for a snapshot that is being taken.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::manager().monitor().stop();
    /// assert!(!taskleak::manager().monitor().is_running());
    /// ```
    pub fn stop(&self) {
        let mut state = self.lock();
        if state.is_running {
            state.is_running = false;
            state.generation += 1;
            timings::release();
        }
        state.suspects.clear();
        drop(state);
        // A snapshot that is being taken is told to nobody any more, or was put into the mailboxes.
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.growth = GrowthWatch::default();
        // One that was taken by hand meanwhile has found some again.
        self.lock().suspects.clear();
        drop(turn);
        self.changed.notify_waiters();
    }

    /// Whether it runs: it was started and has not stopped, and its snapshots are not
    /// [switched off](super::Config::snapshots).
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!taskleak::manager().monitor().is_running());
    /// ```
    pub fn is_running(&self) -> bool {
        let is_started = self.lock().is_running;
        is_started && manager().config().snapshots
    }

    /// Time between two snapshots.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// assert_eq!(taskleak::manager().monitor().interval(), Duration::from_secs(10));
    /// ```
    pub fn interval(&self) -> Duration {
        manager().config().interval.max(SHORTEST)
    }

    /// Changes the time between two snapshots, at once also if it runs. At least a millisecond.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// taskleak::manager().monitor().set_interval(Duration::from_secs(60));
    /// ```
    pub fn set_interval(&self, interval: Duration) {
        manager().reconfigure(|config| config.interval(interval));
    }

    /// The interval may be another one now, and snapshots on or off.
    pub(super) fn reconfigured(&self) {
        self.changed.notify_waiters();
    }

    /// Cyclic snapshots were switched off: once this returns, none is made known.
    pub(super) fn switched_off(&self) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.growth = GrowthWatch::default();
        self.lock().suspects.clear();
    }

    /// The snapshot it took last; none before the first.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(taskleak::manager().monitor().last().is_none());
    /// ```
    pub fn last(&self) -> Option<Arc<Snapshot>> {
        self.lock().last.clone()
    }

    /// The names that kept growing as of its last snapshot; none once it has stopped.
    pub(super) fn suspects(&self) -> Vec<Suspect> {
        self.lock().suspects.clone()
    }

    /// How long ago its run took the last snapshot, or began; none if it does not run.
    #[cfg(feature = "prometheus")]
    pub(crate) fn since_last(&self) -> Option<Duration> {
        let since = {
            let state = self.lock();
            state.is_running.then_some(state.since)
        }?;
        let takes_snapshots = manager().config().snapshots;
        takes_snapshots.then(|| since.elapsed())
    }

    fn is_current(&self, generation: u64) -> bool {
        self.lock().is_current(generation)
    }
}

impl State {
    fn is_current(&self, generation: u64) -> bool {
        self.is_running && self.generation == generation
    }
}

impl Run {
    async fn go(self) {
        let mut last = Instant::now();
        let mut was_off = false;
        loop {
            let changed = self.monitor.changed.notified();
            let mut changed = pin!(changed);
            changed.as_mut().enable();
            if !self.monitor.is_current(self.generation) {
                return;
            }
            let takes_snapshots = manager().config().snapshots;
            if takes_snapshots && was_off {
                last = Instant::now();
                self.monitor.lock().since = last;
            }
            was_off = !takes_snapshots;
            let due = last.checked_add(self.monitor.interval());
            let due = due.filter(|_| takes_snapshots);
            let mut sleep = pin!(due.map(Sleep::until));
            let is_due = poll_fn(|cx| {
                let sleep = sleep.as_mut().as_pin_mut();
                if sleep.is_some_and(|sleep| sleep.poll(cx).is_ready()) {
                    return Poll::Ready(true);
                }
                changed.as_mut().poll(cx).map(|()| false)
            })
            .await;
            if !is_due {
                continue;
            }
            last = Instant::now();
            // Off the runtime's threads: it may take some tens of milliseconds, and they may all be busy.
            let generation = self.generation;
            let monitor = self.monitor;
            if let Err(error) = WORKER.run(move || monitor.take(generation)).await {
                crate::note::say(format_args!(
                    "the task manager could not take a snapshot: {error}. It tries again."
                ));
            }
        }
    }
}

impl Monitor {
    /// Takes a snapshot and makes it known, unless the monitor was stopped or switched off meanwhile.
    fn take(&self, generation: u64) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_current(generation) && manager().config().snapshots {
            if turn.generation != generation {
                *turn = Turn {
                    growth: GrowthWatch::default(),
                    generation,
                };
            }
            self.publish(turn, Some(generation), |grown, snapshot| {
                if manager().config().traces {
                    let some = grown.iter().flat_map(|name| name.tasks(snapshot));
                    let some: Vec<_> = some.map(TaskRecord::reading).collect();
                    trace::ask(some, snapshot);
                }
            });
        }
    }

    /// Takes a snapshot now, as one of its cyclic ones: observers are told, and it counts for which
    /// names keep growing. Also if the monitor does not run, for services that have a schedule of
    /// their own. Tasks of suspect names are not asked what they wait for, since this thread may be
    /// the one that polls them.
    ///
    /// # Examples
    ///
    /// ```
    /// let snapshot = taskleak::manager().monitor().take_now();
    /// assert!(snapshot.suspects().is_empty());
    /// ```
    pub fn take_now(&self) -> Arc<Snapshot> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.publish(turn, None, |_, _| ())
    }

    fn publish(
        &self,
        mut turn: MutexGuard<'_, Turn>,
        generation: Option<u64>,
        ask: impl FnOnce(&[Grown], &mut Snapshot),
    ) -> Arc<Snapshot> {
        let mut snapshot = Manager::take(Vec::new());
        let grown = turn.growth.look(&snapshot, manager().config().growth);
        ask(&grown, &mut snapshot);
        let suspects = grown.into_iter().filter_map(|name| name.suspect(&snapshot));
        snapshot.suspects = suspects.collect();
        let snapshot = Arc::new(snapshot);
        let mut state = self.lock();
        let former = state.last.replace(snapshot.clone());
        // The run may have ended while this looked, by `stop` or with its runtime.
        let is_wanted = generation.is_none_or(|generation| state.is_current(generation));
        if is_wanted {
            state.suspects = snapshot.suspects.clone();
            state.since = Instant::now();
        }
        drop(state);
        if is_wanted {
            dispatcher::publish(&snapshot);
        }
        drop(turn);
        drop(former);
        snapshot
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut state = self.monitor.lock();
        if state.is_current(self.generation) {
            state.is_running = false;
            state.suspects.clear();
            timings::release();
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::origin::OriginId;
    use std::panic::Location;
    use std::thread;

    /// A snapshot that was being taken by hand had found suspects when the monitor was stopped.
    #[test]
    fn suspects_found_while_it_is_stopped_do_not_stay() {
        let monitor = Monitor::new();
        timings::want();
        monitor.lock().is_running = true;
        let turn = monitor.turn.lock().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| monitor.stop());
            while monitor.lock().is_running {
                thread::yield_now();
            }
            monitor.lock().suspects.push(Suspect {
                name: Arc::from("found late"),
                names_differ: false,
                fingerprint: OriginId::ROOT.fingerprint(),
                location: Location::caller(),
                await_site: None,
                counts: vec![1, 2],
                live: 2,
                survivors: 1,
                oldest: Duration::ZERO,
            });
            drop(turn);
        });
        assert_eq!(monitor.suspects(), []);
    }
}
