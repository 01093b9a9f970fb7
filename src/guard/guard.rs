//! The guard.

use super::open::Open;
use super::timer::Timer;
use super::{Action, Options, Rule, asking, handover};
use crate::config;
use crate::registry::{TaskInfo, current};
use crate::report::LeakReport;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Answers for the tasks that are spawned while it is open, and fails the test if they outlive it.
///
/// Made by [`verify_none`]. When it ends, by [`finish`](Self::finish) or by being dropped, it lets
/// its tasks settle for the grace (1 s unless said otherwise; it waits no longer than it must), and
/// then fails the test with the names and spawn backtraces of those still alive.
///
/// A task belongs to the innermost guard that was open where it was spawned, or whose task spawned
/// it: so tests that run in parallel never blame each other. Tasks that were alive before the guard
/// was opened are not its concern.
///
/// # Where it can wait
/// Everywhere but in a destructor inside a current-thread runtime (a guard that is simply dropped at
/// the end of a stock `#[tokio::test]`): nothing there can let time pass. The guard then lets tasks
/// end that were aborted or are due, and reports the rest, saying that there was no grace.
/// `finish().await` and [`#[leak_test]`](crate::leak_test) have one.
///
/// # Panics
/// If tasks leaked, when it ends: with the report as the message, and without a `panicked at` line
/// of its own. Never while the thread is panicking already.
///
/// # Examples
///
/// ```
/// # async fn serve() {}
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let _guard = taskleak::verify_none();
/// taskleak::spawn(serve()).await.unwrap();
/// # }
/// ```
#[must_use = "a guard that is not kept ends at once; bind it: `let _guard = verify_none();`"]
#[derive(Debug)]
pub struct Guard {
    /// None if taskleak is off, or once the guard has ended.
    open: Option<Open>,
}

/// Opens a [`Guard`]: from now on it answers for the tasks that are spawned.
///
/// Works anywhere: inside a runtime or before there is one, in a task, on any thread.
///
/// # Panics
/// If a `TASKLEAK_*` variable has a value that is not understood.
///
/// # Examples
///
/// ```should_panic
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let _guard = taskleak::verify_none();
/// taskleak::spawn(std::future::pending::<()>()); // leaks
/// # }
/// ```
#[track_caller]
pub fn verify_none() -> Guard {
    let config = match config::checked() {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    };
    if config.mode == config::Mode::Off {
        return Guard { open: None };
    }
    Guard {
        open: Some(Open::new(label(Location::caller()))),
    }
}

/// The test's name, which is its thread's in libtest; else where the guard was opened.
fn label(caller: &Location<'_>) -> Arc<str> {
    current::test_of_thread().unwrap_or_else(|| Arc::from(format!("the guard opened at {caller}")))
}

impl Guard {
    /// Ends the guard: waits in place until its tasks have ended, at most for the grace, then fails
    /// the test if some have not.
    ///
    /// On a paused clock the grace is virtual and takes no real time.
    ///
    /// # Panics
    /// With the report, if tasks leaked.
    ///
    /// # Cancel safety
    /// A guard whose `finish` is dropped ends as one that is dropped itself.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let guard = taskleak::verify_none();
    /// taskleak::spawn(async { tokio::task::yield_now().await });
    /// guard.finish().await;
    /// # }
    /// ```
    pub async fn finish(self) {
        asking::noted(self.finish_noted()).await;
    }

    async fn finish_noted(mut self) {
        let Some(open) = &self.open else { return };
        open.leave_place();
        let end = open.wait(Timer::anywhere).await;
        if let Some(open) = self.open.take() {
            open.conclude(end).finish().await.enforce();
        }
    }

    /// Ends the guard as dropping it does, at a place of one's choosing.
    ///
    /// # Panics
    /// With the report, if tasks leaked.
    ///
    /// # Examples
    ///
    /// ```
    /// let guard = taskleak::verify_none();
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// runtime.block_on(async { taskleak::spawn(async {}).await.unwrap() });
    /// guard.finish_blocking();
    /// ```
    pub fn finish_blocking(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        let panicking = std::thread::panicking();
        if panicking && !open.options.runs_on_failure() {
            return;
        }
        open.leave_place();
        let open = if panicking {
            open
        } else {
            match handover::hand_over(open) {
                Ok(()) => return,
                Err(open) => open,
            }
        };
        let verdict = open.end_blocking();
        if panicking {
            verdict.announce();
        } else {
            verdict.enforce();
        }
    }

    fn set(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        if let Some(open) = &mut self.open {
            open.options = change(std::mem::take(&mut open.options));
        }
        self
    }

    /// How long tasks may take to end; see [`Options::grace`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().grace(std::time::Duration::from_millis(100));
    /// ```
    pub fn grace(self, grace: Duration) -> Self {
        self.set(|options| options.grace(grace))
    }

    /// After how long a poll that has not returned is reported with its thread's stack; see [`Options::blocked_after`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().blocked_after(std::time::Duration::from_millis(100));
    /// ```
    pub fn blocked_after(self, time: Duration) -> Self {
        self.set(|options| options.blocked_after(time))
    }

    /// Leaves out what the rule says; see [`Options::ignore`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().ignore(taskleak::Rule::named("pool-*"));
    /// ```
    pub fn ignore(self, rule: Rule) -> Self {
        self.set(|options| options.ignore(rule))
    }

    /// Leaves out tasks by name; see [`Rule::named`].
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().ignore_named("pool-*");
    /// ```
    #[track_caller]
    pub fn ignore_named(self, glob: &str) -> Self {
        self.ignore(Rule::named(glob))
    }

    /// Leaves out tasks by where they were spawned; see [`Rule::spawned_in`].
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().ignore_spawned_in("src/pool/*");
    /// ```
    #[track_caller]
    pub fn ignore_spawned_in(self, glob: &str) -> Self {
        self.ignore(Rule::spawned_in(glob))
    }

    /// Leaves out tasks by the function that spawned them; see [`Rule::spawned_by`].
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().ignore_spawned_by("my_pool::Pool::start");
    /// ```
    #[track_caller]
    pub fn ignore_spawned_by(self, function: &str) -> Self {
        self.ignore(Rule::spawned_by(function))
    }

    /// Leaves out tasks for which the function says so; see [`Rule::when`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().ignore_if(|task| task.polls() > 1000);
    /// ```
    pub fn ignore_if(self, is_ignored: impl Fn(&TaskInfo) -> bool + Send + Sync + 'static) -> Self {
        self.set(|options| options.ignore_if(is_ignored))
    }

    /// What to do about a leak; see [`Options::on_leak`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().on_leak(taskleak::Action::Warn);
    /// ```
    pub fn on_leak(self, action: Action) -> Self {
        self.set(|options| options.on_leak(action))
    }

    /// Whether a test that has panicked is checked too; see [`Options::run_on_failure`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().run_on_failure(true);
    /// ```
    pub fn run_on_failure(self, run: bool) -> Self {
        self.set(|options| options.run_on_failure(run))
    }

    /// Runs the function once there is a verdict; see [`Options::cleanup`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().cleanup(|report| assert!(report.is_empty()));
    /// ```
    pub fn cleanup(self, cleanup: impl FnOnce(&LeakReport) + Send + 'static) -> Self {
        self.set(|options| options.cleanup(cleanup))
    }

    /// Whether background tasks may live on; see [`Options::allow_background`].
    ///
    /// # Examples
    ///
    /// ```
    /// let _guard = taskleak::verify_none().allow_background(false);
    /// ```
    pub fn allow_background(self, allowed: bool) -> Self {
        self.set(|options| options.allow_background(allowed))
    }

    /// Counts threads that were started and left running as leaked, too; see [`Options::threads`].
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::track_threads!(); // once, at the root of the test binary
    ///
    /// # fn main() {
    /// let guard = taskleak::verify_none().threads(true);
    /// let thread = std::thread::spawn(|| ());
    /// guard.finish_blocking(); // waits for the thread
    /// # drop(thread); }
    /// ```
    pub fn threads(self, count: bool) -> Self {
        self.set(|options| options.threads(count))
    }

    /// Counts tasks that a runtime's shutdown killed as leaked; see [`Options::forbid_shutdown`].
    ///
    /// # Examples
    ///
    /// ```should_panic
    /// let _guard = taskleak::verify_none().forbid_shutdown();
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// runtime.block_on(async { taskleak::spawn(std::future::pending::<()>()) });
    /// drop(runtime);
    /// ```
    pub fn forbid_shutdown(self) -> Self {
        if let Some(open) = &self.open {
            open.scope().keep_killed();
        }
        self.set(Options::forbid_shutdown)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}
