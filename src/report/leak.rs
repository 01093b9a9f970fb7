//! Leaks of one kind.

use super::diagnosis::Diagnosis;
use super::owner::Owner;
use crate::guard::Deadlocks;
use crate::registry::numbers::NumberMap;
use crate::registry::{Ancestor, Fingerprint, TaskId, TaskInfo, TaskKind, TaskState};
use crate::stack::{Frame, Stack};
use crate::wait::deadlock::Finding;
use crate::wait::trace::RawTrace;
use crate::wait::{AwaitTrace, Liveness, WaitsFor};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Leaked tasks that came about in the same way: spawned at the same place by the same chain of
/// parents with the same spawn backtrace, and in the same state.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// use taskleak::{Options, find, verify_none};
///
/// # let guard = verify_none();
/// # let mut tasks = taskleak::task::JoinSet::new();
/// for _ in 0..3 {
///     tasks.spawn(std::future::pending::<()>());
/// }
/// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
/// let leak = &report.leaks()[0];
/// assert_eq!(leak.count(), 3);
/// assert!(leak.location().file().ends_with(".rs"));
/// # drop(tasks); guard.finish().await; }
/// ```
#[derive(Clone, Debug)]
pub struct Leak {
    /// At least one; oldest first.
    tasks: Vec<TaskInfo>,
    likely_deadlock: bool,
    proved_deadlock: bool,
    owners: Vec<Owner>,
    ended_when_aborted: Option<usize>,
    /// What holds the threads of the blocking pool that these wait for.
    on_the_pool: Vec<String>,
}

/// Numbers backtraces by what a person sees of them: a loop that the compiler unrolled spawns from
/// several addresses of one line.
#[derive(Default)]
struct Backtraces {
    by_stack: HashMap<Stack, usize>,
    by_frames: HashMap<Vec<Frame>, usize>,
}

impl Backtraces {
    fn number(&mut self, stack: Stack) -> usize {
        *self.by_stack.entry(stack).or_insert_with(|| {
            let frames = stack.user_frames().into_iter().copied().collect();
            let next = self.by_frames.len();
            *self.by_frames.entry(frames).or_insert(next)
        })
    }
}

/// Numbers await traces by what they say. Tasks that answered the same share theirs, and comparing what
/// it says takes long.
#[derive(Default)]
struct Traces {
    by_raw: HashMap<(*const RawTrace, *const AwaitTrace), usize>,
    by_trace: HashMap<AwaitTrace, usize>,
}

impl Traces {
    /// Only for tasks that live as long as this: another trace could come to lie where one was.
    fn number(&mut self, task: &TaskInfo) -> Option<usize> {
        let key = task.trace_key()?;
        if let Some(number) = self.by_raw.get(&key) {
            return Some(*number);
        }
        let next = self.by_trace.len();
        let trace = task.await_trace()?;
        let number = *self.by_trace.entry(trace.clone()).or_insert(next);
        self.by_raw.insert(key, number);
        Some(number)
    }
}

impl Leak {
    /// Puts tasks together that leaked in the same way; the biggest groups first.
    pub(super) fn group(tasks: Vec<TaskInfo>) -> Vec<Self> {
        let mut places = NumberMap::default();
        let mut leaks: Vec<Self> = Vec::new();
        let (mut backtraces, mut traces) = (Backtraces::default(), Traces::default());
        for task in tasks {
            let backtrace = task.stack().map(|stack| backtraces.number(stack));
            let key = (
                task.origin(),
                backtrace,
                task.state(),
                traces.number(&task),
                (task.is_silent(), task.hides_what_it_waits_in()),
                task.liveness(),
                task.sight().map(Arc::as_ptr),
            );
            let place = *places.entry(key).or_insert_with(|| {
                leaks.push(Self {
                    tasks: Vec::new(),
                    likely_deadlock: false,
                    proved_deadlock: false,
                    owners: Vec::new(),
                    ended_when_aborted: None,
                    on_the_pool: Vec::new(),
                });
                leaks.len() - 1
            });
            leaks[place].tasks.push(task);
        }
        for leak in &mut leaks {
            leak.tasks
                .sort_by_key(|task| (std::cmp::Reverse(task.age()), task.id()));
        }
        // Ties in the order of the source, so that reports of equal runs are equal.
        leaks.sort_by(|one, two| {
            let place = |leak: &Self| {
                let location = leak.location();
                (location.file(), location.line(), location.column())
            };
            two.count()
                .cmp(&one.count())
                .then_with(|| place(one).cmp(&place(two)))
        });
        leaks
    }

    /// Notes who has the other half of what these wait for, and which of them wait for each other.
    pub(super) fn note_owners(leaks: &mut [Self], all: &[TaskInfo], found: &Deadlocks) {
        for leak in leaks {
            let are_all = |is_so: fn(&Finding) -> bool| {
                let mut tasks = leak.tasks.iter();
                tasks.all(|task| found.of(task).is_some_and(is_so))
            };
            leak.likely_deadlock = are_all(|finding| finding.deadlocked);
            leak.proved_deadlock = are_all(|finding| finding.proved);
            leak.owners = Owner::of(leak.oldest(), all, found);
        }
    }

    /// Notes what holds the threads of the blocking pool, of closures that wait for one.
    pub(super) fn note_pools(leaks: &mut [Self], all: &[TaskInfo]) {
        let is_queued = |leak: &&mut Self| {
            leak.kind() == TaskKind::Blocking && leak.state() == TaskState::NeverPolled
        };
        for leak in leaks.iter_mut().filter(is_queued) {
            let runtime = leak.oldest().runtime_id();
            let run = all.iter().filter(|task| {
                task.kind() == TaskKind::Blocking
                    && task.state() == TaskState::Running
                    && task.runtime_id() == runtime
            });
            let names: BTreeSet<&str> = run.map(TaskInfo::name).collect();
            leak.on_the_pool = names.into_iter().map(str::to_owned).collect();
        }
    }

    pub(super) fn on_the_pool(&self) -> &[String] {
        &self.on_the_pool
    }

    pub(super) fn note_aborted(&mut self, aborted: &HashSet<TaskId>, ended: &HashSet<TaskId>) {
        if self.tasks.iter().all(|task| aborted.contains(&task.id())) {
            let ended = self.tasks.iter().filter(|task| ended.contains(&task.id()));
            self.ended_when_aborted = Some(ended.count());
        }
    }

    pub(super) fn oldest(&self) -> &TaskInfo {
        &self.tasks[0]
    }

    /// How many tasks.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// All the tasks, oldest first.
    pub fn tasks(&self) -> &[TaskInfo] {
        &self.tasks
    }

    /// The name of the oldest.
    pub fn name(&self) -> &str {
        self.oldest().name()
    }

    /// How they were spawned.
    pub fn kind(&self) -> TaskKind {
        self.oldest().kind()
    }

    /// What they were doing.
    pub fn state(&self) -> TaskState {
        self.oldest().state()
    }

    /// Whether they can ever be polled again.
    pub fn liveness(&self) -> Liveness {
        self.oldest().liveness()
    }

    /// What kind of thing the oldest waits for; see [`TaskInfo::waits_for`].
    pub fn waits_for(&self) -> Option<WaitsFor> {
        self.oldest().waits_for()
    }

    /// What has to be so, since they wait: a few words, as the report prints them after `waits for`. None if it is not
    /// known what they wait for. The words may change from version to version, [`waits_for`](Self::waits_for) does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread")] async fn main() {
    /// use taskleak::{Options, find, verify_none};
    ///
    /// # let guard = verify_none();
    /// let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
    /// let task = taskleak::spawn(async move { receiver.recv().await });
    /// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
    /// let leak = &report.leaks()[0];
    /// assert!(leak.cause().unwrap().contains("a sender of it is alive"));
    /// assert!(leak.help().unwrap().contains("drop every sender"));
    /// # drop(sender); task.await.unwrap(); guard.finish().await; }
    /// ```
    pub fn cause(&self) -> Option<String> {
        Diagnosis::of(self).map(|diagnosis| diagnosis.cause())
    }

    /// What can be done about it, as the report prints it after `help`; none if it is not known what they wait for. See
    /// [`cause`](Self::cause).
    pub fn help(&self) -> Option<&'static str> {
        Diagnosis::of(self).map(|diagnosis| diagnosis.help())
    }

    /// Whether these are likely to be in a deadlock: only tasks that are in it themselves have what each waits
    /// for, or can come to it at all. That is told by what lies in the suspended tasks, where debug info can be read:
    /// on Linux, in an unoptimised build, with the feature `census`. Elsewhere it is false, and a report of tasks that
    /// wait for locks says that it cannot tell: a guard may as well be kept by the test's own body or a static.
    ///
    /// Not a proof: a compiler keeps room in a task also for what was moved out of it, so what looks like a
    /// lock's guard in a task may have been given to a thread that still has it.
    pub fn is_likely_deadlocked(&self) -> bool {
        self.likely_deadlock
    }

    /// Whether it is proved that these can never run again, although they have wakers: each waits for nothing but the
    /// ends of tasks of its own runtime (or `LocalSet`) that can never run again ([`Liveness::Orphan`]) or that wait so
    /// for each other, and has their `JoinHandle`s for itself, so that nobody else can abort those. At most their own
    /// `JoinHandle`s could abort these, or the end of their runtime. Told where debug info can be read, as
    /// [`is_likely_deadlocked`], which is then true too.
    ///
    /// [`is_likely_deadlocked`]: Self::is_likely_deadlocked
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread")] async fn main() {
    /// use taskleak::{Options, find, verify_none};
    ///
    /// # let guard = verify_none();
    /// let service = taskleak::spawn(std::future::pending::<()>());
    /// let supervisor = taskleak::spawn(async { service.await });
    /// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
    /// for leak in report.leaks().iter().filter(|leak| leak.is_proved_deadlocked()) {
    ///     assert_eq!(leak.waits_for(), Some(taskleak::WaitsFor::Join));
    /// }
    /// # supervisor.abort(); drop(guard.on_leak(taskleak::Action::Warn)); }
    /// ```
    pub fn is_proved_deadlocked(&self) -> bool {
        self.proved_deadlock
    }

    /// The leaked (or tolerated) tasks that seem to have the other half of what the oldest waits for: the senders or
    /// the receiver of its channel, a guard of its lock, or the very task whose end it awaits. Empty where that can't
    /// be told.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "multi_thread")] async fn main() {
    /// use taskleak::{Options, OtherHalf, find, verify_none};
    ///
    /// # let guard = verify_none();
    /// let (sender, mut receiver) = tokio::sync::mpsc::channel::<()>(1);
    /// let task = taskleak::spawn(async move {
    ///     receiver.recv().await;
    ///     drop(sender);
    /// });
    /// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
    /// for owner in report.leaks()[0].owners() {
    ///     assert_eq!(owner.half(), OtherHalf::Sender);
    ///     assert_eq!(owner.task(), report.leaks()[0].tasks()[0].id());
    /// }
    /// # task.abort(); guard.finish().await; }
    /// ```
    pub fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// How many of them ended when they were aborted after the verdict; none if that was not tried.
    pub fn ended_when_aborted(&self) -> Option<usize> {
        self.ended_when_aborted
    }

    /// The stable number of the spawn site.
    pub fn fingerprint(&self) -> Fingerprint {
        self.oldest().fingerprint()
    }

    /// The spawn site.
    pub fn location(&self) -> &'static Location<'static> {
        self.oldest().location()
    }

    /// Where the future is declared; see [`TaskInfo::declared`].
    pub fn declared(&self) -> Option<(&Path, u32)> {
        self.oldest().declared()
    }

    /// The spawn backtrace, innermost frame first, all frames; see [`TaskInfo::frames`].
    pub fn frames(&self) -> &'static [Frame] {
        self.oldest().frames()
    }

    /// The frames of it that a person wants; see [`TaskInfo::user_frames`].
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        self.oldest().user_frames()
    }

    /// The tasks above: who spawned them, who spawned that one, up to the test.
    pub fn ancestors(&self) -> &[Ancestor] {
        self.oldest().ancestors()
    }

    /// What they wait for, all in the same way; see [`TaskInfo::await_trace`].
    pub fn await_trace(&self) -> Option<&AwaitTrace> {
        self.oldest().await_trace()
    }

    /// The data of the oldest.
    pub fn data(&self) -> impl Iterator<Item = (&str, &str)> {
        self.oldest().data()
    }

    /// How long the oldest has been alive; exact to some milliseconds.
    pub fn age(&self) -> Duration {
        self.oldest().age()
    }
}
