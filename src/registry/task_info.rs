//! What is known of a live task, as data.

use super::extras;
use super::origin::OriginId;
use super::scope::by_index;
use super::slot::{Reading, flag};
use super::{Ancestor, Fingerprint, TaskId, TaskKind, TaskState, TrackedRuntime, clock};
use crate::census::Sight;
use crate::stack::{Frame, Stack};
use crate::wait::trace::{Answers, Leaf, RawTrace, waits_for_of};
use crate::wait::{self, AwaitTrace, Liveness, Standing, WaitsFor};
use std::borrow::Cow;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A copy of all that is known of one tracked task, taken while it was alive.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::task::Builder::new()
///     .name("egress-test-subnet")
///     .data("subnet_id", 17)
///     .spawn(std::future::pending::<()>());
/// let live = taskleak::live_tasks();
/// assert_eq!(live[0].name(), "egress-test-subnet");
/// assert_eq!(live[0].data().next(), Some(("subnet_id", "17")));
/// assert_eq!(live[0].polls(), 0);
/// # task.abort(); }
/// ```
#[derive(Clone, Debug)]
pub struct TaskInfo {
    id: TaskId,
    tokio_id: u64,
    runtime_id: u64,
    kind: TaskKind,
    state: TaskState,
    background: bool,
    name: Cow<'static, str>,
    data: Vec<(String, String)>,
    location: &'static Location<'static>,
    stack: Option<Stack>,
    origin: OriginId,
    ancestors: Vec<Ancestor>,
    scope: Option<Arc<str>>,
    age: Duration,
    polls: u64,
    last_poll: Option<Duration>,
    awaits: Option<Arc<RawTrace>>,
    silent: bool,
    standing: Standing,
    poller: u32,
    thread: Option<String>,
    sight: Option<Arc<Sight>>,
    /// How often it had been polled when it was asked.
    polls_asked: Option<u64>,
    continued: Option<Arc<AwaitTrace>>,
    blocked: Option<Result<Stack, &'static str>>,
}

impl TaskInfo {
    /// Reads a live task's record out; nothing if the task ended meanwhile.
    pub(crate) fn of(reading: &Reading) -> Option<Self> {
        let origin = reading.origin.get()?;
        let extras = extras::of(reading);
        let scope = by_index(reading.scope).map(|scope| scope.label());
        let now = clock::now();
        let since = |then: u64| Duration::from_nanos(now.saturating_sub(then));
        let info = Self {
            id: reading.id,
            tokio_id: reading.tokio_id,
            runtime_id: TrackedRuntime::by_index(reading.runtime).map_or(0, TrackedRuntime::id),
            kind: reading.kind(),
            state: match (reading.polls, reading.has(flag::POLLING)) {
                (0, _) => TaskState::NeverPolled,
                (_, true) => TaskState::Running,
                _ => TaskState::Pending,
            },
            background: reading.has(flag::BACKGROUND),
            name: extras::name_of(reading),
            data: extras.map(|extras| extras.data.clone()).unwrap_or_default(),
            location: origin.location,
            stack: Stack::from_bits(reading.stack),
            origin: reading.origin,
            ancestors: Ancestor::of(reading),
            scope,
            age: since(reading.spawned),
            polls: reading.polls,
            last_poll: (reading.last_poll > 0).then(|| since(reading.last_poll)),
            awaits: None,
            silent: false,
            standing: Standing::default(),
            poller: reading.poller,
            thread: None,
            sight: None,
            polls_asked: None,
            continued: None,
            blocked: None,
        };
        // What was read beside the record is this task's only if it still lives there.
        reading.still_alive().then_some(info)
    }

    /// The same task, killed by its runtime's shutdown.
    pub(crate) fn killed(self) -> Self {
        Self {
            state: TaskState::Killed,
            ..self
        }
    }

    /// The same task with what it answered.
    pub(crate) fn with_answer(self, answers: &Answers) -> Self {
        let answer = answers.of(self.id);
        Self {
            silent: answer.is_some_and(|answer| answer.is_none()),
            polls_asked: answers.polls(self.id),
            awaits: answer.flatten().cloned(),
            standing: answers.standing(self.id),
            ..self
        }
    }

    /// The same hooked task with what the census tells of it. Its name was that of its spawn site, for want of a
    /// better one.
    pub(crate) fn with_sight(self, sight: Arc<Sight>, standing: Standing) -> Self {
        let name = match sight.name() {
            Some(name) => Cow::Owned(name.to_owned()),
            None => self.name,
        };
        Self {
            name,
            standing,
            sight: Some(sight),
            ..self
        }
    }

    /// Whether debug info may tell more of what it waits in than it answered itself.
    pub(crate) fn trace_may_go_on(&self) -> bool {
        let is_polled = matches!(self.kind, TaskKind::Task | TaskKind::Local)
            && self.state == TaskState::Pending;
        is_polled && (self.silent || self.raw_trace().is_some_and(RawTrace::may_go_on))
    }

    /// Whether it has not been polled since it was asked: what it waits in is what it answered.
    pub(crate) fn has_stood_still(&self) -> bool {
        let now = self.id.read();
        now.is_some_and(|now| Some(now.polls) == self.polls_asked && !now.has(flag::POLLING))
    }

    /// Goes on with what was seen of it where its own answer ends.
    pub(crate) fn go_on(&mut self, seen: Arc<AwaitTrace>) {
        self.continued = match self.own_trace() {
            Some(own) if !own.is_empty() => own.continued_by(&seen).map(Arc::new),
            _ => (!seen.is_empty()).then_some(seen),
        };
    }

    /// What the census tells of it, if it was asked.
    pub(crate) fn sight(&self) -> Option<&Arc<Sight>> {
        self.sight.as_ref()
    }

    /// The source file and line where its async function or block is declared. Only of hooked tasks that leaked, where
    /// debug info can be read: of others the name tells it.
    pub fn declared(&self) -> Option<(&Path, u32)> {
        let (file, line) = self.sight.as_ref()?.declared.as_ref()?;
        Some((file, *line))
    }

    /// Whether it can ever be polled again, if a verdict has found that out.
    pub fn liveness(&self) -> Liveness {
        self.standing.liveness
    }

    /// Whether its `JoinHandle` was alive at the verdict.
    pub(crate) fn has_join_handle(&self) -> bool {
        self.standing.join_handle
    }

    /// The number of the thread that runs it, if one does and that is known.
    pub(crate) fn poller(&self) -> Option<u32> {
        (self.state == TaskState::Running && self.poller != 0).then_some(self.poller)
    }

    /// The same task with what is to be said of the thread that it holds.
    pub(crate) fn with_thread(self, thread: Option<String>) -> Self {
        Self { thread, ..self }
    }

    /// The thread that it held at the verdict, by its name, and what the system says that it was doing.
    /// Only on Linux, of a task in the middle of a poll and of a blocking closure that runs.
    pub fn thread(&self) -> Option<&str> {
        self.thread.as_deref()
    }

    /// The same task with where its thread was found.
    pub(crate) fn with_blocked(self, blocked: Option<Result<Stack, &'static str>>) -> Self {
        Self { blocked, ..self }
    }

    /// Why the stack of the thread that it held cannot be had, if that was wanted.
    pub(crate) fn not_told_where_blocked(&self) -> Option<&'static str> {
        self.blocked?.err()
    }

    /// Where the thread was that it held at the verdict, innermost frame first: what the task's code had called, and
    /// that code, down to the poll (or blocking closure) that had not returned.
    ///
    /// Only of one that had lasted for longer than [`Options::blocked_after`](crate::Options::blocked_after), or that had not
    /// answered what it waits for. Empty if the stack cannot be had: other than on x86-64 Linux, and where the
    /// program handles every real-time signal itself. The first look at a stack reads debug info.
    pub fn blocked_frames(&self) -> Vec<&'static Frame> {
        match self.blocked {
            Some(Ok(stack)) => wait::blocked::frames(stack),
            _ => Vec::new(),
        }
    }

    /// Whether it had left its runtime's worker to another thread then, by `block_in_place`; none if its thread was not
    /// looked at, or could not be.
    pub(crate) fn blocks_in_place(&self) -> Option<bool> {
        let stack = self.blocked?.ok()?;
        Some(wait::blocked::gave_its_worker_away(stack))
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The number behind [`tokio::task::Id`], as tracing and tokio-console show it; none before the
    /// task's first poll.
    pub fn tokio_id(&self) -> Option<u64> {
        (self.tokio_id != 0).then_some(self.tokio_id)
    }

    /// The number behind [`tokio::runtime::Id`] of the runtime it was spawned on, where known.
    pub fn runtime_id(&self) -> Option<u64> {
        (self.runtime_id != 0).then_some(self.runtime_id)
    }

    /// How it was spawned.
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// What it was doing.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Whether it was declared to live on ([`Builder::background`](crate::task::Builder::background)).
    pub fn is_background(&self) -> bool {
        self.background
    }

    /// The name it was given, else its future's function, else its spawn location. A hooked task's function is known in
    /// reports of leaks only, where debug info can be read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data it was given, in the order given.
    pub fn data(&self) -> impl Iterator<Item = (&str, &str)> {
        self.data
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The stack at its spawn, innermost frame first: all of it. Empty unless backtraces were on
    /// then: while a guard was open, or by `TASKLEAK_BACKTRACE=always`.
    ///
    /// The first look at a stack reads debug info, which takes some tens of milliseconds.
    pub fn frames(&self) -> &'static [Frame] {
        self.stack.map_or(&[], Stack::frames)
    }

    /// The frames of it that a person wants: theirs, down to the test.
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        self.stack
            .map(|stack| stack.user_frames())
            .unwrap_or_default()
    }

    /// The function that the spawn call stands in; none without a backtrace.
    pub fn spawn_function(&self) -> Option<&'static str> {
        let spawned_here = |frame: &&&Frame| {
            frame.line() == Some(self.location.line())
                && frame
                    .file()
                    .is_some_and(|file| file.ends_with(self.location.file()))
        };
        let frames = self.user_frames();
        frames
            .iter()
            .find(spawned_here)
            .or(frames.first())
            .map(|frame| frame.function())
    }

    /// The interned stack at its spawn.
    pub(crate) fn stack(&self) -> Option<Stack> {
        self.stack
    }

    pub(crate) fn origin(&self) -> OriginId {
        self.origin
    }

    /// The tracked task that spawned it, the one that spawned that one, and so on to the first.
    /// A task that spawned its own successor stands there once. None if there were more than 128 other
    /// lines of ancestors for tasks of its kind, in programs whose tasks spawn each other in any order.
    pub fn ancestors(&self) -> &[Ancestor] {
        &self.ancestors
    }

    /// The test (or guard) that answers for it.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Time since it was spawned; exact to some milliseconds.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// How often it was polled.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// What it waits for, if it was asked: reports have it of every leaked task that answered, and
    /// [`dump`](crate::dump) of all. Of a hooked task that leaked, what its debug info tells of it.
    pub fn await_trace(&self) -> Option<&AwaitTrace> {
        self.continued
            .as_deref()
            .or_else(|| self.own_trace())
            .or_else(|| {
                // Before its first poll, a future is only where it was written.
                let sight = self.sight.as_deref();
                let sight = sight.filter(|_| self.state != TaskState::NeverPolled);
                let trace = sight.map(|sight| &sight.await_trace);
                trace.filter(|trace| !trace.is_empty())
            })
    }

    /// The same as the task itself answered.
    fn own_trace(&self) -> Option<&AwaitTrace> {
        self.awaits.as_deref().map(RawTrace::trace)
    }

    /// The same as it was captured.
    fn raw_trace(&self) -> Option<&RawTrace> {
        self.awaits.as_deref()
    }

    /// What it answered of a leaf future of that kind.
    pub(crate) fn leaf(&self, waits_for: WaitsFor) -> Option<&Leaf> {
        self.raw_trace()?.leaf(waits_for)
    }

    /// Whether it did answer, and a future in it took the waker where that could not be seen.
    pub(crate) fn hides_what_it_waits_in(&self) -> bool {
        self.raw_trace().is_some_and(RawTrace::is_unseen)
    }

    /// Equal only for tasks that have equal traces, while both are there; none of tasks that did not answer.
    pub(crate) fn trace_key(&self) -> Option<(*const RawTrace, *const AwaitTrace)> {
        let continued = self
            .continued
            .as_ref()
            .map_or(std::ptr::null(), Arc::as_ptr);
        let own = self.awaits.as_ref().map_or(std::ptr::null(), Arc::as_ptr);
        (self.awaits.is_some() || self.continued.is_some()).then_some((own, continued))
    }

    /// What kind of thing it waits for, if that is known. Of a task that waits for several, as in a
    /// `select!`, the first of [`WaitsFor`]'s that is not a point in time.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        match (self.state, self.kind) {
            (TaskState::Killed, _) => return None,
            (TaskState::NeverPolled, _) => return Some(WaitsFor::NeverPolled),
            (_, TaskKind::Blocking) => return Some(WaitsFor::Blocking),
            _ => {}
        }
        match (self.silent, self.state, self.liveness()) {
            (true, TaskState::Running, _) => return Some(WaitsFor::Blocking),
            // It was woken by what it waited for.
            (true, _, Liveness::Runnable) => return None,
            _ => {}
        }
        let answered = self.raw_trace().map(RawTrace::waits_for);
        let mut all = answered.unwrap_or_default().to_vec();
        // If none of its futures asked to be woken, it does not matter which they are.
        if all != [WaitsFor::Pending] {
            all.extend(
                self.await_trace()
                    .into_iter()
                    .flat_map(|trace| waits_for_of(trace.roots())),
            );
        }
        WaitsFor::foremost(all)
    }

    /// The stable number of its spawn site. Reads debug info, once for each site.
    pub fn fingerprint(&self) -> Fingerprint {
        self.origin.fingerprint()
    }

    /// Whether it was asked what it waits for and did not answer in time: it holds its thread, or its
    /// runtime does not poll it.
    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// Time since its last poll began that was timed: polls are while any guard is open, or in a
    /// binary with [`verify_main!`](crate::verify_main). Exact to some milliseconds.
    pub fn last_poll(&self) -> Option<Duration> {
        self.last_poll
    }
}
