//! Letting a scope's tasks end.

use super::judge::{is_tolerated, members};
use super::timer::Timer;
use super::{Options, Rule, counted, threads};
use crate::registry::gate::{ANY_CHANGE, Count, Seen};
use crate::registry::slot::flag;
use crate::registry::{Scope, Slot, TaskInfo, current};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

/// One scope's wait for its tasks to end.
///
/// Holds no reference to the options, which are not `Sync`: a guard is also awaited inside tasks
/// that must be `Send`.
pub(crate) struct Settling {
    scope: &'static Scope,
    allows_background: bool,
    rules: Vec<Rule>,
    /// How many of the scope's tasks are not concerned since they ask: the running one, or none.
    asking: u32,
    /// If threads count: the rules for them.
    threads: Option<Vec<Rule>>,
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// Nothing is left that should be gone.
    Clean,
    /// The grace is over.
    Expired,
    /// Nothing more can happen as long as the guard blocks its thread.
    Blocked,
}

/// What is left to wait for.
pub(super) enum Left {
    Nothing,
    /// Tracked tasks: to be looked at again when at most `threshold` are left.
    Tasks {
        seen: Seen,
        threshold: u32,
    },
    /// Only the runtime's count, which nobody announces.
    Count,
    /// Only threads, whose ends are announced.
    Threads(Seen),
}

impl Settling {
    pub(crate) fn new(scope: &'static Scope, options: &Options) -> Self {
        // The rules are wanted only if there is anything to wait for.
        let busy = scope.count().members > 0;
        Self {
            scope,
            allows_background: options.allows_background(),
            asking: u32::from(is_concerned(current::task(), scope, options)),
            rules: if busy {
                options.all_rules()
            } else {
                Vec::new()
            },
            threads: options.threads.is_some().then(|| options.all_rules()),
        }
    }

    pub(super) fn allows_background(&self) -> bool {
        self.allows_background
    }

    pub(super) fn scope(&self) -> &'static Scope {
        self.scope
    }

    pub(super) fn look(&self) -> Left {
        if self.concerned(self.scope.count()) > 0 {
            // Before the tasks are looked at: what ends after this is not slept over.
            let seen = self.scope.gate().look();
            // The last may have ended between the two looks, and nobody announces that again.
            let concerned = self.concerned(seen.count);
            if concerned == 0 {
                return self.look_at_count();
            }
            if self.allows_background && self.rules.is_empty() {
                let threshold = self.asking;
                return Left::Tasks { seen, threshold };
            }
            // Which of them end, and how many tolerated ones they spawn before, cannot be told by
            // their number: so every end is looked at.
            let threshold = ANY_CHANGE;
            if !self.all_are_tolerated(concerned) {
                return Left::Tasks { seen, threshold };
            }
        }
        self.look_at_count()
    }

    /// How many of the tasks have to end.
    fn concerned(&self, count: Count) -> u32 {
        let concerned = if self.allows_background {
            count.foreground
        } else {
            count.members
        };
        concerned.saturating_sub(self.asking)
    }

    fn look_at_count(&self) -> Left {
        if counted::unseen(self.scope) > 0 {
            Left::Count
        } else {
            self.look_at_threads()
        }
    }

    fn look_at_threads(&self) -> Left {
        let Some(rules) = &self.threads else {
            return Left::Nothing;
        };
        // Before the threads are looked at: one that ends after this is not slept over.
        let seen = self.scope.gate().look();
        if threads::left(self.scope, rules).is_empty() {
            Left::Nothing
        } else {
            Left::Threads(seen)
        }
    }

    /// Whether threads are left that count.
    pub(super) fn has_threads(&self) -> bool {
        self.threads
            .as_ref()
            .is_some_and(|rules| !threads::left(self.scope, rules).is_empty())
    }

    /// Whether as many tasks as are concerned are found, and all may live on. Finding none that may
    /// not is too little: a task can end, leaving a child behind, while one goes through them.
    fn all_are_tolerated(&self, concerned: u32) -> bool {
        let mut tolerated = 0;
        for task in members(self.scope) {
            if task.has(flag::BACKGROUND) && self.allows_background {
                continue;
            }
            let is_tolerated =
                |task: TaskInfo| is_tolerated(&task, self.allows_background, &self.rules);
            if !TaskInfo::of(&task).is_some_and(is_tolerated) {
                return false;
            }
            tolerated += 1;
        }
        tolerated == concerned
    }

    /// Waits on this thread. `help` is called whenever something may have changed: it does what
    /// can be done from here for tasks to end.
    pub(crate) fn block(&self, deadline: Instant, help: impl Fn()) -> Waited {
        let mut naps = Naps::default();
        loop {
            if let Left::Nothing = self.look() {
                return Waited::Clean;
            }
            // A wake while helping is not to be slept over.
            let before = self.scope.gate().look();
            help();
            let left = self.look();
            if let Left::Nothing = left {
                return Waited::Clean;
            }
            if Instant::now() >= deadline {
                return Waited::Expired;
            }
            match left {
                Left::Nothing => {}
                Left::Tasks { threshold, .. } => {
                    self.scope.gate().wait(before, threshold, deadline)
                }
                Left::Threads(_) => self.scope.gate().wait(before, ANY_CHANGE, deadline),
                Left::Count => std::thread::sleep(naps.next()),
            }
        }
    }

    /// Waits in place, letting the runtime go on.
    pub(crate) async fn wait(&self, timer: impl FnOnce() -> Timer) -> Waited {
        if let Left::Nothing = self.look() {
            return Waited::Clean;
        }
        let mut timer = pin!(timer());
        let mut naps = Naps::default();
        loop {
            let left = self.look();
            if let Left::Nothing = left {
                return Waited::Clean;
            }
            if timer.is_over() {
                return Waited::Expired;
            }
            match left {
                Left::Nothing => {}
                Left::Tasks { seen, threshold } => {
                    self.wait_for_tasks(seen, threshold, timer.as_mut()).await;
                }
                Left::Threads(seen) => {
                    self.wait_for_tasks(seen, ANY_CHANGE, timer.as_mut()).await;
                }
                Left::Count if naps.yields_first() => tokio::task::yield_now().await,
                Left::Count => timer.nap(naps.next()).await,
            }
        }
    }

    async fn wait_for_tasks(&self, seen: Seen, threshold: u32, mut timer: Pin<&mut Timer>) {
        poll_fn(|cx| {
            if self.scope.gate().poll_wait(seen, threshold, cx).is_ready() {
                return Poll::Ready(());
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }
}

/// Whether the task is one of the scope's that have to end.
fn is_concerned(task: Option<&'static Slot>, scope: &'static Scope, options: &Options) -> bool {
    task.and_then(Slot::read).is_some_and(|task| {
        let is_background = task.has(flag::BACKGROUND) && options.allows_background();
        task.scope == scope.index() && !is_background
    })
}

/// How long to look away while the runtime's count is not yet what it should be: short at first,
/// since a task that has just ended is counted out within microseconds.
#[derive(Default)]
struct Naps {
    yields: u32,
    taken: u32,
}

impl Naps {
    fn yields_first(&mut self) -> bool {
        self.yields += 1;
        self.yields <= 32
    }

    fn next(&mut self) -> Duration {
        self.taken += 1;
        Duration::from_micros(20 << self.taken.min(6))
    }
}
