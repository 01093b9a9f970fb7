//! Letting a scope's tasks end.

use super::judge::{is_tolerated, members};
use super::timer::Timer;
use super::{Options, Rule, counted};
use crate::registry::gate::Seen;
use crate::registry::{Scope, TaskInfo};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

/// One scope's wait for its tasks to end.
pub(crate) struct Settling<'a> {
    scope: &'static Scope,
    options: &'a Options,
    rules: Vec<Rule>,
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
}

impl<'a> Settling<'a> {
    pub(crate) fn new(scope: &'static Scope, options: &'a Options) -> Self {
        // The rules are wanted only if there is anything to wait for.
        let busy = scope.count().members > 0;
        Self {
            scope,
            options,
            rules: if busy {
                options.all_rules()
            } else {
                Vec::new()
            },
        }
    }

    pub(super) fn scope(&self) -> &'static Scope {
        self.scope
    }

    pub(super) fn look(&self) -> Left {
        let count = self.scope.count();
        let concerned = if self.options.allows_background() {
            count.foreground
        } else {
            count.members
        };
        if concerned > 0 {
            let seen = self.scope.gate.look();
            if self.options.allows_background() && self.rules.is_empty() {
                return Left::Tasks { seen, threshold: 0 };
            }
            let tolerated = members(self.scope)
                .filter_map(|task| TaskInfo::of(&task))
                .filter(|task| is_tolerated(task, self.options, &self.rules))
                .filter(|task| !(task.is_background() && self.options.allows_background()))
                .count() as u32;
            if tolerated < concerned {
                // The gate counts the ends of foreground tasks only.
                let all_count = self.options.allows_background();
                let threshold = if all_count { tolerated } else { u32::MAX };
                return Left::Tasks { seen, threshold };
            }
        }
        if counted::unseen(self.scope) > 0 {
            Left::Count
        } else {
            Left::Nothing
        }
    }

    /// Waits on this thread.
    pub(crate) fn block(&self, deadline: Instant) -> Waited {
        let mut naps = Naps::default();
        loop {
            let left = self.look();
            if let Left::Nothing = left {
                return Waited::Clean;
            }
            if Instant::now() >= deadline {
                return Waited::Expired;
            }
            match left {
                Left::Nothing => {}
                Left::Tasks { seen, threshold } => self.scope.gate.wait(seen, threshold, deadline),
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
                Left::Count if naps.yields_first() => tokio::task::yield_now().await,
                Left::Count => timer.nap(naps.next()).await,
            }
        }
    }

    async fn wait_for_tasks(&self, seen: Seen, threshold: u32, mut timer: Pin<&mut Timer>) {
        poll_fn(|cx| {
            if self.scope.gate.poll_wait(seen, threshold, cx).is_ready() {
                return Poll::Ready(());
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }
}

/// How long to look away while the runtime's count is not yet what it should be: short at first,
/// since a task that has just ended is counted out within microseconds.
#[derive(Default)]
pub(super) struct Naps {
    yields: u32,
    taken: u32,
}

impl Naps {
    fn yields_first(&mut self) -> bool {
        self.yields += 1;
        self.yields <= 32
    }

    pub(super) fn next(&mut self) -> Duration {
        self.taken += 1;
        Duration::from_micros(20 << self.taken.min(6))
    }
}
