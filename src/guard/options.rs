//! What a verdict is given by.

use super::threads::Threads;
use super::{Action, Rule};
use crate::config;
use crate::registry::TaskInfo;
use crate::report::LeakReport;
use std::fmt;
use std::time::Duration;

/// How to wait, what to ignore and what to do: everything that can be said of a check.
///
/// A [`Guard`](crate::Guard) has the same methods; this is for [`find`](crate::find).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::{Options, find};
///
/// find(Options::new().grace(Duration::from_millis(100)).ignore_named("pool-*")).unwrap();
/// ```
#[derive(Default)]
#[must_use = "options do nothing by themselves"]
pub struct Options {
    grace: Option<Duration>,
    /// In milliseconds, as polls are timed: guards are moved about, and are to be small.
    blocked_after: Option<u32>,
    rules: Vec<Rule>,
    action: Option<Action>,
    run_on_failure: Option<bool>,
    background_is_a_leak: bool,
    pub(super) forbid_shutdown: bool,
    pub(super) threads: Option<Box<Threads>>,
    pub(super) cleanup: Option<Cleanup>,
}

type Cleanup = Box<dyn FnOnce(&LeakReport) + Send>;

impl Options {
    /// The defaults: those of the `TASKLEAK_*` variables.
    ///
    /// # Examples
    ///
    /// ```
    /// taskleak::find(taskleak::Options::new()).unwrap();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// How long tasks may take to end; default 1 s, or `TASKLEAK_GRACE`. The check waits only as
    /// long as it must. On a paused clock the time is virtual.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().grace(std::time::Duration::from_millis(100));
    /// ```
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// After how long a poll that has not returned is reported with its thread's stack; default 1 s, or
    /// `TASKLEAK_BLOCKED`; in whole milliseconds. The same goes for a closure on the blocking pool. Always in real time.
    /// Sooner, where that is not more than a second, of a task that was asked what it waits for and did not answer in time.
    ///
    /// The stack is had by a real-time signal that nothing else in the program handles, on x86-64 Linux; what the thread
    /// waits in then goes on waiting, or is interrupted (`EINTR`) where the kernel cannot go on with it, as `poll` and
    /// `epoll_wait`: std and tokio bear that. See [`TaskInfo::blocked_frames`].
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().blocked_after(std::time::Duration::from_millis(100));
    /// ```
    pub fn blocked_after(mut self, time: Duration) -> Self {
        self.blocked_after = Some(u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Leaves out what the rule says.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().ignore(taskleak::Rule::named("pool-*"));
    /// ```
    pub fn ignore(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Leaves out tasks by name; see [`Rule::named`].
    ///
    /// # Panics
    /// If the glob is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().ignore_named("pool-*");
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
    /// let options = taskleak::Options::new().ignore_spawned_in("src/pool/*");
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
    /// let options = taskleak::Options::new().ignore_spawned_by("my_pool::Pool::start");
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
    /// let options = taskleak::Options::new().ignore_if(|task| task.polls() > 1000);
    /// ```
    pub fn ignore_if(self, is_ignored: impl Fn(&TaskInfo) -> bool + Send + Sync + 'static) -> Self {
        self.ignore(Rule::when(is_ignored))
    }

    /// What to do about a leak; default [`Action::Fail`], or `TASKLEAK=warn`. [`find`](crate::find)
    /// does nothing but return the report.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().on_leak(taskleak::Action::Warn);
    /// ```
    pub fn on_leak(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// Whether a test that has panicked is checked too; default no, or `TASKLEAK_RUN_ON_FAILURE`.
    /// The report is then printed after the panic's own message, and the panic stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().run_on_failure(true);
    /// ```
    pub fn run_on_failure(mut self, run: bool) -> Self {
        self.run_on_failure = Some(run);
        self
    }

    /// Whether tasks declared as background tasks may live on; default yes.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().allow_background(false);
    /// ```
    pub fn allow_background(mut self, allowed: bool) -> Self {
        self.background_is_a_leak = !allowed;
        self
    }

    /// Counts a task that its runtime's shutdown killed as leaked. By default it is none: its owner
    /// stopped it.
    ///
    /// An abort takes effect when the runtime comes to it. A task that is aborted and not awaited may
    /// still be there when the runtime is shut down right after, and then it is the shutdown that ends it.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().forbid_shutdown();
    /// ```
    pub fn forbid_shutdown(mut self) -> Self {
        self.forbid_shutdown = true;
        self
    }

    /// Counts threads that the test started and left running as leaked, too; default no. The check gives them the grace
    /// to end.
    ///
    /// Needs [`track_threads!`](crate::track_threads) in the test binary, and says so if it is not there. A thread
    /// belongs to the guard that a task would belong to which is spawned there; what it starts belongs to the same.
    /// Not judged are the threads of tokio's runtimes, idle or busy: they are the runtime's, and end with it. Rules
    /// by name and by where something was spawned leave out threads too.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().threads(true);
    /// ```
    pub fn threads(mut self, count: bool) -> Self {
        self.threads = count.then(|| Box::new(Threads::from_now_on()));
        self
    }

    /// Runs the function once when there is a verdict, good or bad, before the test fails: the
    /// report is empty if nothing leaked.
    ///
    /// # Examples
    ///
    /// ```
    /// let options = taskleak::Options::new().cleanup(|report| println!("{report}"));
    /// ```
    pub fn cleanup(mut self, cleanup: impl FnOnce(&LeakReport) + Send + 'static) -> Self {
        self.cleanup = Some(Box::new(cleanup));
        self
    }

    pub(crate) fn grace_or_default(&self) -> Duration {
        // An hour or "for ever": both must be a time that can be added to now.
        const LONGEST: Duration = Duration::from_secs(60 * 60 * 24 * 365);
        self.grace.unwrap_or(config::get().grace).min(LONGEST)
    }

    /// `None`: never.
    pub(crate) fn blocked_after_or_default(&self) -> Option<Duration> {
        let own = self.blocked_after;
        own.map(|millis| Duration::from_millis(millis.into()))
            .or(config::get().blocked)
    }

    pub(super) fn action_or_default(&self) -> Action {
        self.action.unwrap_or(match config::get().mode {
            config::Mode::Warn => Action::Warn,
            config::Mode::Fail | config::Mode::Off => Action::Fail,
        })
    }

    pub(crate) fn runs_on_failure(&self) -> bool {
        self.run_on_failure.unwrap_or(config::get().run_on_failure)
    }

    pub(super) fn allows_background(&self) -> bool {
        !self.background_is_a_leak
    }

    /// The same for a report that is no verdict.
    pub(crate) fn for_reports(&self) -> Self {
        Self {
            rules: self.rules.clone(),
            threads: self.threads.clone(),
            cleanup: None,
            ..*self
        }
    }

    /// The rules of these options and of the whole process.
    pub(super) fn all_rules(&self) -> Vec<Rule> {
        let mut rules = super::rule::registered();
        rules.extend(self.rules.iter().cloned());
        rules
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("grace", &self.grace_or_default())
            .field("blocked_after", &self.blocked_after_or_default())
            .field("rules", &self.rules)
            .field("action", &self.action_or_default())
            .field("run_on_failure", &self.runs_on_failure())
            .field("allow_background", &self.allows_background())
            .field("forbid_shutdown", &self.forbid_shutdown)
            .field("threads", &self.threads.is_some())
            .field("cleanup", &self.cleanup.is_some())
            .finish()
    }
}
