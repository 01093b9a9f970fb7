//! What the manager knows of one task.

use super::status::Status;
use crate::registry::events::{Event, What};
use crate::registry::ledger::Outcome;
use crate::registry::slot::flag;
use crate::registry::{
    Ancestor, Attached, Fingerprint, OperationId, Reading, TaskId, TaskKind, TaskState, extras,
    origin::OriginId,
};
use crate::stack::{Frame, Stack};
use crate::wait::AwaitTrace;
use crate::wait::trace::{Answers, RawTrace};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A copy of what is known of one task: when a [`Snapshot`](super::Snapshot) was taken, or when
/// something happened to it that an [`Observer`](super::Observer) is told.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::task::Builder::new()
///     .name("egress")
///     .data("subnet", 17)
///     .spawn(std::future::pending::<()>());
/// let snapshot = taskleak::manager().snapshot();
/// let egress = &snapshot.tasks()[0];
/// assert_eq!(egress.name(), "egress");
/// assert_eq!(egress.data_value("subnet"), Some("17"));
/// assert!(egress.location().file().ends_with(".rs"));
/// assert!(egress.status().is_live());
/// # task.abort(); }
/// ```
#[derive(Clone)]
pub struct TaskRecord {
    reading: Reading,
    attached: Option<Arc<Attached>>,
    status: Status,
    /// When this was read, on both clocks: the task's times are told by it.
    read: Moment,
    /// When the task was so, on the registry's clock.
    now: u64,
    awaits: Option<Arc<RawTrace>>,
    is_silent: bool,
    /// Of those that were read with it; 0 if it was read alone.
    live_of_same_name: u32,
}

/// One moment on two clocks.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    /// On the registry's clock.
    pub(super) registry: u64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            // Never before 1970, also if the clock was set back that far: who writes times down as
            // numbers counts on it.
            wall: SystemTime::now().max(SystemTime::UNIX_EPOCH),
            registry: crate::registry::clock::now(),
        }
    }

    /// What time it was by the wall clock of now.
    fn wall_at(self, registry: u64) -> SystemTime {
        let since = Duration::from_nanos(self.registry.saturating_sub(registry));
        let epoch = SystemTime::UNIX_EPOCH;
        self.wall.checked_sub(since).unwrap_or(epoch).max(epoch)
    }
}

impl TaskRecord {
    /// A live task; none if it ended meanwhile.
    pub(super) fn of_live(reading: Reading, now: Moment) -> Option<Self> {
        let attached = if reading.has(flag::EXTRAS) {
            let attached = extras::get(reading.slot);
            // What was read beside the record is this task's only if it still lives there.
            if !reading.still_alive() {
                return None;
            }
            attached
        } else {
            None
        };
        let is_over = attached
            .as_ref()
            .and_then(|attached| attached.timed())
            .is_some_and(|timed| timed.is_over());
        let status = match reading.polls {
            _ if is_over => Status::OverTime,
            0 => Status::Created,
            _ => Status::Running,
        };
        Some(Self {
            reading,
            attached,
            status,
            read: now,
            now: now.registry,
            awaits: None,
            is_silent: false,
            live_of_same_name: 0,
        })
    }

    /// A task that something happened to.
    #[inline]
    pub(super) fn of_event(event: &Event, now: Moment) -> Option<Self> {
        let attached = event.attached();
        let is_over = || {
            let timed = attached.and_then(|attached| attached.timed());
            timed.is_some_and(|timed| timed.is_over())
        };
        let status = match event.what() {
            What::Started => Status::Created,
            What::OverTime => Status::OverTime,
            What::Ended(Outcome::Finished) if is_over() => Status::FinishedOverTime,
            What::Ended(Outcome::Finished) => Status::Finished,
            What::Ended(Outcome::Panicked) => Status::Panicked,
            What::Ended(Outcome::Aborted) => Status::Aborted,
            What::Ended(Outcome::ShutDown) => Status::ShutDown,
        };
        Some(Self {
            reading: event.task()?,
            attached: attached.cloned(),
            status,
            read: now,
            now: event.at(),
            awaits: None,
            is_silent: false,
            live_of_same_name: 0,
        })
    }

    /// The task's id, unique in the process.
    pub fn id(&self) -> TaskId {
        self.reading.id
    }

    /// The id of the tracked task that spawned it; none if no tracked task did.
    pub fn parent(&self) -> Option<TaskId> {
        self.reading.parent
    }

    /// The id to write into logs, unique beyond the process.
    pub fn operation(&self) -> OperationId {
        OperationId::of(self.id())
    }

    /// That of the task that spawned it; none if no tracked task did.
    pub fn originator(&self) -> Option<OperationId> {
        self.parent().map(OperationId::of)
    }

    /// The number behind [`tokio::task::Id`], as tracing and tokio-console show it; none before the
    /// task's first poll.
    pub fn tokio_id(&self) -> Option<u64> {
        (self.reading.tokio_id != 0).then_some(self.reading.tokio_id)
    }

    /// The name it was given, else its future's function, else its spawn site.
    pub fn name(&self) -> &str {
        self.own_name()
            .unwrap_or_else(|| self.reading.origin.name())
    }

    /// How many tasks of its name were alive, itself among them, when it was read: what
    /// [`Snapshot::live`](super::Snapshot::live) says of its name, for a task of a
    /// [`Snapshot`](super::Snapshot). All tasks of a snapshot were counted at once, so those of one name
    /// say the same. Those that [`Unfinished`](super::Unfinished) names were counted with all that were
    /// alive then, background tasks too.
    ///
    /// None for a record by which an [`Observer`](super::Observer) is told of a task's start, end or time
    /// box: it was read alone, and to count the others at that moment would cost the spawn. An observer
    /// that wants the number asks [`Monitor::last`](super::Monitor::last) for it, or takes a snapshot.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # let mut pollers = taskleak::task::JoinSet::new();
    /// for _ in 0..3 {
    ///     let poller = taskleak::task::Builder::new().name("poller");
    ///     poller.spawn_into(&mut pollers, std::future::pending::<()>());
    /// }
    /// let snapshot = taskleak::manager().snapshot();
    /// assert_eq!(snapshot.tasks()[0].live_of_same_name(), Some(3));
    /// # }
    /// ```
    pub fn live_of_same_name(&self) -> Option<usize> {
        (self.live_of_same_name != 0).then_some(self.live_of_same_name as usize)
    }

    pub(super) fn set_live_of_same_name(&mut self, live: usize) {
        // No process has as many tasks as that.
        self.live_of_same_name = u32::try_from(live).unwrap_or(u32::MAX);
    }

    /// The data it was given, in the order given.
    pub fn data(&self) -> impl Iterator<Item = (&str, &str)> {
        let data = self
            .attached
            .as_ref()
            .map_or(&[][..], |attached| &attached.data);
        data.iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of a key of its data: the first, if it was given more.
    pub fn data_value(&self, key: &str) -> Option<&str> {
        self.data()
            .find(|(one, _)| *one == key)
            .map(|(_, value)| value)
    }

    /// How it was spawned.
    pub fn kind(&self) -> TaskKind {
        self.reading.kind()
    }

    /// How far it has come, or how it ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// What it was doing, if it was alive.
    pub fn state(&self) -> TaskState {
        match (self.reading.polls, self.reading.has(flag::POLLING)) {
            (0, _) => TaskState::NeverPolled,
            (_, true) => TaskState::Running,
            _ => TaskState::Pending,
        }
    }

    /// Whether it was declared to live on ([`Builder::background`](crate::task::Builder::background)).
    pub fn is_background(&self) -> bool {
        self.reading.has(flag::BACKGROUND)
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        static NOWHERE: &Location<'static> = Location::caller();
        self.reading
            .origin
            .get()
            .map_or(NOWHERE, |origin| origin.location)
    }

    /// When it was spawned, by the wall clock; exact to some milliseconds.
    pub fn created_at(&self) -> SystemTime {
        self.read.wall_at(self.reading.spawned)
    }

    /// When its first poll began, by the wall clock; exact to some milliseconds. None if it was not
    /// polled, or not timed: first polls are timed while an observer is added that wants to be told of ends,
    /// while the monitor runs and while a guard is open. A task whose first poll was before that has none.
    pub fn started_at(&self) -> Option<SystemTime> {
        let waited = self.reading.waited.checked_sub(1)?;
        Some(self.created_at() + Duration::from_millis(u64::from(waited)))
    }

    /// When it ended, by the wall clock; none if it was alive. Exact to some milliseconds.
    pub fn ended_at(&self) -> Option<SystemTime> {
        (!self.status.is_live()).then(|| self.created_at() + self.age())
    }

    /// How long it had been alive, from its spawn on; once it has ended, how long in all. On a clock
    /// that is never set, exact to some milliseconds.
    pub fn age(&self) -> Duration {
        Duration::from_nanos(self.now.saturating_sub(self.reading.spawned))
    }

    /// Its [time box](crate::task::Builder::timebox), if it has one.
    pub fn timebox(&self) -> Option<Duration> {
        self.attached.as_ref()?.timed()?.limit()
    }

    /// How often it was polled.
    pub fn polls(&self) -> u64 {
        self.reading.polls
    }

    /// Time since its last poll began that was timed: polls are while a guard is open, or in a binary
    /// with [`verify_main!`](crate::verify_main).
    pub fn last_poll(&self) -> Option<Duration> {
        let last = self.reading.last_poll;
        (last > 0).then(|| Duration::from_nanos(self.now.saturating_sub(last)))
    }

    /// The stack at its spawn, innermost frame first: all of it. Empty unless backtraces were on
    /// then; see [`Manager::set_backtraces`](super::Manager::set_backtraces).
    ///
    /// The first look at a stack reads debug info, which takes some tens of milliseconds.
    pub fn frames(&self) -> &'static [Frame] {
        self.stack().map_or(&[], Stack::frames)
    }

    /// The frames of it that a person wants: theirs.
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        self.stack()
            .map(|stack| stack.user_frames())
            .unwrap_or_default()
    }

    /// The same for equal stacks, and for no others; none without a backtrace. Cheaper to compare
    /// and to group by than the frames.
    pub fn stack_id(&self) -> Option<u32> {
        (self.reading.stack != 0).then_some(self.reading.stack)
    }

    fn stack(&self) -> Option<Stack> {
        Stack::from_bits(self.reading.stack)
    }

    /// The same for tasks of one name that was made at run time; none for some of those.
    pub(super) fn name_number(&self) -> Option<usize> {
        self.attached.as_ref()?.name_number()
    }

    /// A name of its own, made at run time.
    pub(super) fn own_name(&self) -> Option<&str> {
        self.attached.as_ref()?.name.as_deref()
    }

    /// The same for tasks of one spawn site, future type and line of ancestors.
    pub(crate) fn origin(&self) -> OriginId {
        self.reading.origin
    }

    /// The tracked task that spawned it, the one that spawned that one, and so on to the first. Named
    /// after their functions or fixed names, since they may have ended. None if there were more than 128
    /// other lines of ancestors for tasks of its kind.
    pub fn ancestors(&self) -> Vec<Ancestor> {
        Ancestor::above(self.reading.origin)
    }

    /// What it waited for, if it was asked: by
    /// [`Manager::traced_snapshot`](super::Manager::traced_snapshot), or by the monitor because its
    /// name is suspect.
    ///
    /// The first look at a trace reads debug info, which takes some tens of milliseconds.
    pub fn await_trace(&self) -> Option<&AwaitTrace> {
        self.awaits.as_deref().map(RawTrace::trace)
    }

    /// Whether it was asked what it waits for and did not answer in time: it holds its thread, or its
    /// runtime does not poll it.
    pub fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// The stable number of its spawn site. Reads debug info, once for each site.
    pub fn fingerprint(&self) -> Fingerprint {
        self.reading.origin.fingerprint()
    }

    /// Takes what it answered when it was asked.
    pub(super) fn hear(&mut self, answers: &Answers) {
        if let Some(answer) = answers.of(self.id()) {
            self.is_silent = answer.is_none();
            self.awaits = answer.cloned();
        }
    }

    /// Its record, to ask it by.
    pub(super) fn reading(&self) -> Reading {
        self.reading
    }
}

impl std::fmt::Debug for TaskRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskRecord")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("status", &self.status)
            .field("age", &self.age())
            .field("live_of_same_name", &self.live_of_same_name())
            .field("location", &format_args!("{}", self.location()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_makes_no_time_before_1970() {
        let second = 1_000_000_000;
        let now = Moment {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(5),
            registry: 100 * second,
        };
        let at = |registry| {
            let at = now.wall_at(registry);
            at.duration_since(SystemTime::UNIX_EPOCH).unwrap()
        };
        assert_eq!(at(98 * second), Duration::from_secs(3));
        // Spawned before the clock was set back to the beginning of time.
        assert_eq!(at(0), Duration::ZERO);
        // Spawned while the snapshot was being taken.
        assert_eq!(at(101 * second), Duration::from_secs(5));
    }
}
