//! Letting a scope's tasks end.

use super::judge::{is_tolerated, members};
use super::timer::Timer;
use super::{Options, Rule, counted, driven, stuck, threads};
use crate::registry::gate::{ANY_CHANGE, Count, Seen};
use crate::registry::slot::{Reading, flag};
use crate::registry::{Scope, Slot, TaskInfo, TaskKind, TrackedRuntime, current};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

/// How much longer than the grace to wait for tasks that were not polled once. Much more than a scheduler makes a
/// runnable process wait.
const TURN: Duration = Duration::from_secs(1);
/// How often to look meanwhile: a first poll is not announced.
const NAP: Duration = Duration::from_millis(1);

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
    /// The runtime that the guard waits in, by its index.
    here: Option<u32>,
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
    /// All that is left is proved never to end.
    Stuck,
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
    /// Only tasks that are proved never to end.
    Stuck,
    /// Only threads, whose ends are announced.
    Threads(Seen),
}

impl Settling {
    pub(crate) fn new(scope: &'static Scope, options: &Options) -> Self {
        // The rules are wanted only if there is anything to wait for.
        let busy = scope.count().members > 0;
        if busy {
            stuck::prepare();
        }
        Self {
            scope,
            allows_background: options.allows_background(),
            asking: u32::from(is_concerned(current::task(), scope, options)),
            rules: if busy {
                options.all_rules()
            } else {
                Vec::new()
            },
            here: busy
                .then(driven::runtime)
                .flatten()
                .map(TrackedRuntime::index),
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

    /// The same, and whether what is left is certain never to end; `blocks` if the guard blocks this thread.
    pub(super) fn look_closely(&self, blocks: bool) -> Left {
        let left = self.look();
        let Left::Tasks { seen, threshold } = left else {
            return left;
        };
        let stuck = stuck::count(
            self.scope,
            self.allows_background,
            &self.rules,
            self.here,
            blocks,
        );
        if stuck.is_all(self.concerned(seen.count)) {
            return match self.look_at_count() {
                Left::Nothing => Left::Stuck,
                left => left,
            };
        }
        Left::Tasks {
            seen,
            // Those that are stuck are still there when all others have ended.
            threshold: threshold.saturating_add(stuck.stuck),
        }
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

    /// Whether the task may live on: a background task, or by a rule.
    fn may_live_on(&self, task: &Reading) -> bool {
        TaskInfo::of(task)
            .is_some_and(|task| is_tolerated(&task, self.allows_background, &self.rules))
    }

    /// Whether as many tasks as are concerned are found, and all may live on. Finding none that may
    /// not is too little: a task can end, leaving a child behind, while one goes through them.
    fn all_are_tolerated(&self, concerned: u32) -> bool {
        let mut tolerated = 0;
        for task in members(self.scope) {
            if task.has(flag::BACKGROUND) && self.allows_background {
                continue;
            }
            if !self.may_live_on(&task) {
                return false;
            }
            tolerated += 1;
        }
        tolerated == concerned
    }

    /// Whether a task is left that was never polled, and is not just a closure that waits for a thread, or a thread that
    /// never ran: no grace is one for a task whose runtime has not come to it, since the machine was busy or another task
    /// held the thread.
    fn some_had_no_turn(&self) -> bool {
        let waits_for_its_turn = |task: &Reading| {
            task.polls == 0 && task.kind() != TaskKind::Blocking && !self.may_live_on(task)
        };
        members(self.scope).any(|task| waits_for_its_turn(&task))
            || self
                .threads
                .as_ref()
                .is_some_and(|rules| !threads::have_begun(self.scope, rules))
    }

    /// Waits on this thread. `help` is called whenever something may have changed: it does what
    /// can be done from here for tasks to end.
    pub(crate) fn block(&self, deadline: Instant, help: impl Fn()) -> Waited {
        let mut naps = Naps::default();
        let mut looks = Looks::default();
        loop {
            if let Some(waited) = self.look().ends_wait() {
                return waited;
            }
            // A wake while helping is not to be slept over.
            let before = self.scope.gate().look();
            help();
            let left = self.look_closely(true);
            if let Some(waited) = left.ends_wait() {
                return waited;
            }
            let now = Instant::now();
            if now >= deadline {
                if now >= deadline + TURN || !self.some_had_no_turn() {
                    return Waited::Expired;
                }
                self.scope.gate().wait(before, ANY_CHANGE, now + NAP);
                continue;
            }
            match left {
                Left::Nothing | Left::Stuck => {}
                Left::Tasks { threshold, .. } => {
                    let until = looks
                        .next()
                        .map_or(deadline, |next| deadline.min(now + next));
                    self.scope.gate().wait(before, threshold, until);
                }
                Left::Threads(_) => self.scope.gate().wait(before, ANY_CHANGE, deadline),
                Left::Count => std::thread::sleep(naps.next()),
            }
        }
    }

    /// Waits in place, letting the runtime go on.
    pub(crate) async fn wait(&self, timer: impl FnOnce() -> Timer) -> Waited {
        if let Some(waited) = self.look().ends_wait() {
            return waited;
        }
        let mut timer = pin!(timer());
        let mut nap = None;
        let mut naps = Naps::default();
        let mut looks = Looks::default();
        let mut over_since = None;
        let mut last_turns = 0;
        loop {
            let left = self.look_closely(false);
            if let Some(waited) = left.ends_wait() {
                return waited;
            }
            if timer.is_over() {
                // This thread may have stood still while the grace went by: what is due gets its turn. How many those
                // need whom nobody tracked cannot be told.
                let turns = if matches!(left, Left::Count) { 32 } else { 1 };
                if last_turns < turns {
                    last_turns += 1;
                    tokio::task::yield_now().await;
                    continue;
                }
                let since = *over_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= TURN || !self.some_had_no_turn() {
                    return Waited::Expired;
                }
                if timer.is_virtual() {
                    tokio::task::yield_now().await;
                } else {
                    timer.nap(&mut nap, NAP).await;
                }
                continue;
            }
            match left {
                Left::Nothing | Left::Stuck => {}
                Left::Tasks { seen, threshold } => {
                    let look_again = looks.next().map(|next| timer.nap(&mut nap, next));
                    self.wait_for_tasks(seen, threshold, timer.as_mut(), look_again)
                        .await;
                }
                Left::Threads(seen) => {
                    self.wait_for_tasks(seen, ANY_CHANGE, timer.as_mut(), None)
                        .await;
                }
                Left::Count if naps.yields_first() => tokio::task::yield_now().await,
                Left::Count => timer.nap(&mut nap, naps.next()).await,
            }
        }
    }

    async fn wait_for_tasks(
        &self,
        seen: Seen,
        threshold: u32,
        mut timer: Pin<&mut Timer>,
        mut look_again: Option<&mut Timer>,
    ) {
        poll_fn(|cx| {
            if self.scope.gate().poll_wait(seen, threshold, cx).is_ready() {
                return Poll::Ready(());
            }
            if let Some(look_again) = &mut look_again
                && Pin::new(look_again).poll(cx).is_ready()
            {
                return Poll::Ready(());
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }
}

impl Left {
    /// How the wait ends if this is what is left.
    pub(super) fn ends_wait(&self) -> Option<Waited> {
        match self {
            Self::Nothing => Some(Waited::Clean),
            Self::Stuck => Some(Waited::Stuck),
            Self::Tasks { .. } | Self::Count | Self::Threads(_) => None,
        }
    }
}

/// When to look again although no task has ended: one that was about to park when the wait began is
/// stuck only since, and nobody announces that.
#[derive(Default)]
struct Looks(usize);

impl Looks {
    fn next(&mut self) -> Option<Duration> {
        const AGAIN: [Duration; 4] = [
            Duration::from_millis(1),
            Duration::from_millis(4),
            Duration::from_millis(30),
            Duration::from_millis(250),
        ];
        let next = match AGAIN.get(self.0) {
            Some(next) => *next,
            // A busy machine may come to a task at any time; but the grace may be virtual, and of hours.
            None => {
                let doublings = u32::try_from(self.0 + 1 - AGAIN.len()).ok()?;
                AGAIN[AGAIN.len() - 1].checked_mul(2_u32.checked_pow(doublings)?)?
            }
        };
        self.0 += 1;
        Some(next)
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
