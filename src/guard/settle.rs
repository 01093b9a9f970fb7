//! Letting a scope's tasks end.

use super::judge::{is_tolerated, members};
use super::timer::Timer;
use super::{Options, Rule, counted};
use crate::registry::gate::Seen;
use crate::registry::slot::flag;
use crate::registry::{Scope, TaskInfo, TaskKind};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
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
            // Before the tasks are looked at: what ends after this is not slept over.
            let seen = self.scope.gate.look();
            if self.options.allows_background() && self.rules.is_empty() {
                return Left::Tasks { seen, threshold: 0 };
            }
            // Which of them end, and how many tolerated ones they spawn before, cannot be told by
            // their number: so every end is looked at.
            let threshold = u32::MAX;
            if !self.all_are_tolerated(concerned) {
                return Left::Tasks { seen, threshold };
            }
        }
        if counted::unseen(self.scope) > 0 {
            Left::Count
        } else {
            Left::Nothing
        }
    }

    /// Whether as many tasks as are concerned are found, and all may live on. Finding none that may
    /// not is too little: a task can end, leaving a child behind, while one goes through them.
    fn all_are_tolerated(&self, concerned: u32) -> bool {
        let mut tolerated = 0;
        for task in members(self.scope) {
            if task.has(flag::BACKGROUND) && self.options.allows_background() {
                continue;
            }
            let is_tolerated = |task: TaskInfo| is_tolerated(&task, self.options, &self.rules);
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
            let before = self.scope.gate.look();
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
                Left::Tasks { threshold, .. } => self.scope.gate.wait(before, threshold, deadline),
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
        let grace_in_real_time = || Timer::beside_paused_clock(self.options.grace_or_default());
        let mut real = pin!(grace_in_real_time());
        let mut naps = Naps::default();
        loop {
            let left = self.look();
            if let Left::Nothing = left {
                return Waited::Clean;
            }
            if timer.is_over() {
                return Waited::Expired;
            }
            if real
                .as_ref()
                .as_pin_ref()
                .is_some_and(|real| real.is_over())
            {
                if self.clock_is_held() {
                    return Waited::Expired;
                }
                real.set(grace_in_real_time());
            }
            match left {
                Left::Nothing => {}
                Left::Tasks { seen, threshold } => {
                    let woken =
                        |cx: &mut Context<'_>| self.scope.gate.poll_wait(seen, threshold, cx);
                    first_of(woken, (timer.as_mut(), real.as_mut())).await;
                }
                Left::Count if naps.yields_first() => tokio::task::yield_now().await,
                Left::Count => {
                    let mut nap = pin!(timer.nap(naps.next()));
                    let over = |cx: &mut Context<'_>| nap.as_mut().poll(cx);
                    first_of(over, (timer.as_mut(), real.as_mut())).await;
                }
            }
        }
    }

    /// Whether a paused clock cannot go on: tokio holds it while a closure of the blocking pool
    /// runs. Then only real time can end the grace.
    fn clock_is_held(&self) -> bool {
        members(self.scope).any(|task| task.kind() == TaskKind::Blocking)
    }
}

/// Waits for whatever comes first.
async fn first_of(
    mut event: impl FnMut(&mut Context<'_>) -> Poll<()>,
    (mut timer, mut real): (Pin<&mut Timer>, Pin<&mut Option<Timer>>),
) {
    poll_fn(|cx| {
        let real = real.as_mut().as_pin_mut();
        let is_over = event(cx).is_ready()
            || timer.as_mut().poll(cx).is_ready()
            || real.is_some_and(|real| real.poll(cx).is_ready());
        if is_over {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
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
