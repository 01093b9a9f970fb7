//! The report.

use super::blocker::{Blocker, Blockers};
use super::leak::Leak;
use super::leaked_thread::LeakedThread;
use super::paint::Paint;
use super::unseen::{Unseen, UnseenTask};
use super::{notes, outlets, text};
use crate::guard::Judgement;
use crate::registry::TaskId;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How the wait before a verdict ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Settled {
    /// Everything that should be gone is gone.
    Clean,
    /// The grace is over.
    Expired,
    /// All that is left is proved never to end, so the grace was not waited for.
    Stuck,
    /// The guard blocked the thread that its tasks need.
    WithoutGrace,
    /// The process ends; nothing is alive any more.
    AtExit,
    /// The process ends, and the grace is over.
    AtExitExpired,
    /// The test itself did not come to its end in time.
    TimedOut,
}

/// What leaked: which tasks, from where, in what state.
///
/// Its `Display` is the report as it is printed, without colour. It is an [`Error`](std::error::Error),
/// so that a test that returns a `Result` can use `?` on [`find`](crate::find).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// use std::time::Duration;
/// use taskleak::{Options, find, verify_none};
///
/// let guard = verify_none();
/// let task = taskleak::task::Builder::new().name("forgotten").spawn(std::future::pending::<()>());
/// let report = find(Options::new().grace(Duration::from_millis(10))).unwrap_err();
/// assert_eq!(report.task_count(), 1);
/// assert_eq!(report.leaks()[0].name(), "forgotten");
/// # task.abort(); guard.finish().await; }
/// ```
#[derive(Clone, Debug)]
pub struct LeakReport {
    pub(super) test: Arc<str>,
    pub(super) leaks: Vec<Leak>,
    pub(super) tolerated: Vec<Leak>,
    pub(super) unseen: Box<Unseen>,
    pub(super) threads: Box<Threads>,
    pub(super) hooked: Box<Hooked>,
    pub(super) blockers: Box<Blockers>,
    pub(super) settled: Settled,
    pub(super) grace: Duration,
}

/// What is to be said of hooked tasks beside those that leaked.
#[derive(Clone, Debug)]
pub(super) struct Hooked {
    /// Of these it cannot be told.
    pub(super) undecided: Vec<Leak>,
    /// Why some are known by their spawn sites only, if that is so.
    pub(super) unexplained: Option<String>,
}

/// What is to be said of threads.
#[derive(Clone, Debug)]
pub(super) struct Threads {
    pub(super) leaked: Vec<LeakedThread>,
    /// Why they were not judged, although they should be.
    pub(super) undecided: Option<String>,
}

impl LeakReport {
    pub(crate) fn new(
        test: Arc<str>,
        judgement: Judgement,
        settled: Settled,
        grace: Duration,
    ) -> Self {
        let all = [judgement.leaks.as_slice(), &judgement.tolerated].concat();
        let mut leaks = Leak::group(judgement.leaks);
        Leak::note_owners(&mut leaks, &all, &judgement.deadlocks);
        Leak::note_pools(&mut leaks, &all);
        Self {
            test,
            leaks,
            tolerated: Leak::group(judgement.tolerated),
            unseen: Box::new(Unseen::of(judgement.unseen)),
            threads: Box::new(Threads {
                leaked: judgement.threads.into_iter().map(LeakedThread).collect(),
                undecided: judgement.threads_undecided,
            }),
            hooked: Box::new(Hooked {
                undecided: Leak::group(judgement.undecided),
                unexplained: judgement.unexplained,
            }),
            blockers: Box::new(Blockers::of(
                judgement.strangers,
                judgement.deadlocks.unknown().cloned(),
            )),
            settled,
            grace,
        }
    }

    /// The test that is judged: its name, or where the guard was opened.
    pub fn test(&self) -> &str {
        &self.test
    }

    /// The leaks, tasks that leaked in the same way together; the most numerous first.
    pub fn leaks(&self) -> &[Leak] {
        &self.leaks
    }

    /// How many tracked tasks leaked.
    pub fn task_count(&self) -> usize {
        self.leaks.iter().map(Leak::count).sum()
    }

    /// How many tasks were alive beside them that taskleak did not see spawned: a dependency's, or
    /// those of a plain `tokio::spawn`.
    pub fn unseen_count(&self) -> usize {
        self.unseen.count
    }

    /// What could be read of those [`unseen_count`](Self::unseen_count) tasks out of their runtimes' own lists, by the
    /// binary's debug info. Empty where that can't be done; the report then says why, and what to do about it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread", worker_threads = 1)] async fn main() {
    /// use std::time::Duration;
    /// use taskleak::{Options, find, verify_none};
    ///
    /// let guard = verify_none();
    /// let task = tokio::spawn(std::future::pending::<()>());
    /// let report = find(Options::new().grace(Duration::from_millis(10))).unwrap_err();
    /// assert_eq!(report.unseen_count(), 1);
    /// for task in report.unseen() {
    ///     assert_eq!(task.name(), "core::future::pending::Pending");
    /// }
    /// # task.abort(); guard.finish().await; }
    /// ```
    pub fn unseen(&self) -> &[UnseenTask] {
        self.unseen.tasks.as_deref().unwrap_or_default()
    }

    /// The threads that leaked; none unless the check was to count them, by
    /// [`Options::threads`](crate::Options::threads).
    pub fn threads(&self) -> &[LeakedThread] {
        &self.threads.leaked
    }

    /// The tasks that were alive and may be: background tasks, and those that a rule ignores.
    pub fn tolerated(&self) -> &[Leak] {
        &self.tolerated
    }

    /// Tasks that are not judged and hold threads which leaked tasks need to go on: their polls have not returned for
    /// longer than [`Options::blocked_after`](crate::Options::blocked_after). Only if leaked tasks were due and
    /// not polled, or could not be asked what they wait for.
    pub fn blockers(&self) -> &[Blocker] {
        &self.blockers.all
    }

    /// Whether nothing leaked.
    ///
    /// Tasks that taskleak did not spawn are no leak here if the guard could give them no time
    /// to end: nobody could tell.
    pub fn is_empty(&self) -> bool {
        self.leaks.is_empty()
            && self.threads.leaked.is_empty()
            && !self.unseen_leaked()
            && self.settled != Settled::TimedOut
    }

    /// How many tasks leaked, seen or not.
    pub(super) fn leaked_count(&self) -> usize {
        let unseen = if self.unseen_leaked() {
            self.unseen.count
        } else {
            0
        };
        self.task_count() + unseen
    }

    /// Whether the tasks that nobody saw spawned had their chance to end.
    pub(super) fn unseen_leaked(&self) -> bool {
        self.unseen.count > 0 && self.settled != Settled::WithoutGrace
    }

    /// Notes which of the leaked tasks were aborted after the verdict, and which of them ended by that.
    pub(crate) fn note_aborted(&mut self, aborted: &HashSet<TaskId>, ended: &HashSet<TaskId>) {
        for leak in &mut self.leaks {
            leak.note_aborted(aborted, ended);
        }
    }

    /// The verdict in a word.
    #[cfg(feature = "json")]
    pub(super) fn verdict(&self) -> &'static str {
        match self.settled {
            Settled::TimedOut => "timed_out",
            _ if self.is_empty() => "clean",
            Settled::Stuck => "stuck",
            _ => "leaked",
        }
    }

    /// Prints the report to standard error, where a test's output is captured, and sends it wherever
    /// else it is wanted; says whether the test fails by it.
    pub(crate) fn print(&self, fails: bool) {
        self.print_by(fails, crate::note::print);
    }

    /// The same past the capture of a test's output: for who ends the process, and with it whoever would show that.
    pub(crate) fn print_uncaptured(&self, fails: bool) {
        self.print_by(fails, crate::note::print_uncaptured);
    }

    fn print_by(&self, fails: bool, print: impl Fn(&dyn fmt::Display)) {
        outlets::send(self, fails, &print);
        print(&text::Text {
            report: self,
            paint: Paint::for_stderr(),
        });
    }

    /// Prints what is worth a note although nothing leaked for certain.
    pub(crate) fn print_notes(&self) {
        if let Some(why) = &self.threads.undecided {
            crate::note::say(why);
        }
        if self.unseen.count > 0 {
            crate::note::say(format_args!(
                "{}\n{}",
                notes::unseen_undecided(self.unseen.count),
                super::unseen::UnseenText {
                    report: self,
                    paint: Paint::for_stderr()
                }
            ));
        }
        if !self.hooked.undecided.is_empty() {
            crate::note::say(notes::undecided(self, Paint::for_stderr()));
        }
    }
}

impl fmt::Display for LeakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::Text {
            report: self,
            paint: Paint::PLAIN,
        }
        .fmt(f)
    }
}

impl std::error::Error for LeakReport {}
