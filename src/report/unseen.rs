//! Tasks that nobody saw spawned, and what the census says of them.

use super::diagnosis::Diagnosis;
use super::fields::Fields;
use super::leak_report::LeakReport;
use super::paint::Paint;
use super::sight_text::{self, SightText};
use super::{frames, project};
use crate::census::{SeenState, SeenTask, UNKNOWN, names_may_be_merged};
use crate::config::{self, Style};
use crate::guard::Found;
use crate::stack::{Frame, FrameOrigin, Stack};
use crate::wait::trace::waits_for_of;
use crate::wait::{AwaitTrace, WaitsFor};
use std::fmt::{self, Display};
use std::path::Path;

/// Kinds of tasks that are shown.
const MOST_KINDS: usize = 50;

/// A task that taskleak did not see spawned: what its runtime's own list and the binary's debug info tell of it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::{Options, find, verify_none};
///
/// async fn listen(port: u16) {
///     tokio::time::sleep(Duration::from_secs(port.into())).await;
/// }
///
/// # #[tokio::main(flavor = "multi_thread", worker_threads = 1)] async fn main() {
/// let guard = verify_none();
/// let task = tokio::spawn(listen(8080));
/// # // There is one worker, which comes to this after that.
/// # tokio::spawn(async {}).await.unwrap();
/// let report = find(Options::new().grace(Duration::from_millis(50))).unwrap_err();
/// if let [task] = report.unseen()
///     && task.name().ends_with("listen")
/// {
///     let awaited = &task.await_trace().roots()[0].children()[0];
///     assert_eq!(awaited.function(), "tokio::time::Sleep");
/// }
/// # task.abort(); guard.finish().await; }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenTask {
    seen: SeenTask,
    spawned_by: Option<Stack>,
}

/// What an [`UnseenTask`] was doing. Its `Display` is the words of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnseenState {
    /// It waited to be woken.
    Parked,
    /// The same, and nobody had a waker of it any more: only an abort could have ended it.
    NoWaker,
    /// It was queued to be polled.
    Runnable,
    /// It had been aborted, and the runtime had not come to it yet.
    Cancelled,
    /// It was being polled.
    Running,
    /// It had ended, and was about to be forgotten by its runtime.
    Complete,
    /// This version of tokio does not tell.
    Unknown,
}

impl UnseenState {
    /// The state as a word for programs: `no_waker`. Its `Display` is for people.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::UnseenState::NoWaker.as_str(), "no_waker");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::NoWaker => "no_waker",
            Self::Runnable => "runnable",
            Self::Cancelled => "cancelled",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Unknown => "unknown",
        }
    }
}

impl Display for UnseenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parked => "parked",
            Self::NoWaker => "parked, and nobody can wake it any more",
            Self::Runnable => "queued to be polled",
            Self::Cancelled => "aborted, and not dropped yet",
            Self::Running => "inside a poll that has not returned",
            Self::Complete => "ended, and not forgotten yet by its runtime",
            Self::Unknown => "not known",
        })
    }
}

impl From<SeenState> for UnseenState {
    fn from(state: SeenState) -> Self {
        match state {
            SeenState::Parked => Self::Parked,
            SeenState::NoWaker => Self::NoWaker,
            SeenState::Runnable => Self::Runnable,
            SeenState::Cancelled => Self::Cancelled,
            SeenState::Running => Self::Running,
            SeenState::Complete => Self::Complete,
            SeenState::Unknown => Self::Unknown,
        }
    }
}

/// The tasks that nobody saw spawned.
#[derive(Clone, Debug)]
pub(super) struct Unseen {
    pub(super) count: usize,
    /// Those of them that could be read, or why they can't be.
    pub(super) tasks: Result<Vec<UnseenTask>, String>,
    /// Whether there is a runtime on which they were not counted.
    pub(super) uncounted: bool,
}

impl Unseen {
    pub(super) fn of(judged: crate::guard::Unseen) -> Self {
        let tasks = judged.tasks.map_err(|reason| reason.to_string());
        Self {
            count: judged.count,
            uncounted: judged.uncounted,
            tasks: tasks.map(|tasks| tasks.into_iter().map(UnseenTask::from).collect()),
        }
    }
}

impl From<Found> for UnseenTask {
    fn from(found: Found) -> Self {
        Self {
            seen: found.task,
            spawned_by: found.spawned_by,
        }
    }
}

impl UnseenTask {
    /// The type of its future as a person writes it: an async function by its path. `(unknown)` if the type can't be
    /// told: its crate was built without debug info, or the optimiser has put equal functions together.
    pub fn name(&self) -> &str {
        &self.seen.sight.name
    }

    /// The source file and line where its async function or block is declared, if it is one.
    pub fn declared(&self) -> Option<(&Path, u32)> {
        let (file, line) = self.seen.sight.declared.as_ref()?;
        Some((file, *line))
    }

    /// What it was doing.
    pub fn state(&self) -> UnseenState {
        self.seen.sight.state.into()
    }

    /// Where it was suspended, down to the leaf futures; empty if it was not.
    pub fn await_trace(&self) -> &AwaitTrace {
        &self.seen.sight.await_trace
    }

    /// What kind of thing it waits for, as far as the futures in its [`await_trace`](Self::await_trace) tell. Of a task
    /// that waits for several, as in a `select!`, the first of [`WaitsFor`]'s that is not a point in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::{LeakReport, WaitsFor};
    ///
    /// /// Tasks of other people's crates that wait for the next connection.
    /// fn listeners(report: &LeakReport) -> usize {
    ///     let waits = |waits_for| move |task: &&taskleak::UnseenTask| task.waits_for() == Some(waits_for);
    ///     report.unseen().iter().filter(waits(WaitsFor::Accept)).count()
    /// }
    /// ```
    pub fn waits_for(&self) -> Option<WaitsFor> {
        let is_parked = matches!(
            self.seen.sight.state,
            SeenState::Parked | SeenState::NoWaker
        );
        is_parked
            .then(|| WaitsFor::foremost(waits_for_of(self.await_trace().roots())))
            .flatten()
    }

    /// The number behind [`tokio::task::Id`], as tracing and tokio-console show it.
    pub fn tokio_id(&self) -> u64 {
        self.seen.id
    }

    /// The stack of the call that spawned it, innermost frame first, all frames. Empty unless
    /// [`SpawnSites`](crate::alloc::SpawnSites) is the global allocator (or, under `--cfg tokio_unstable` with a tokio
    /// before 1.46, taskleak built its runtime).
    pub fn frames(&self) -> &'static [Frame] {
        self.spawned_by.map_or(&[], Stack::frames)
    }

    /// The frames of it that a person wants; as [`TaskInfo::user_frames`](crate::TaskInfo::user_frames).
    pub fn user_frames(&self) -> Vec<&'static Frame> {
        self.spawned_by
            .map_or_else(Vec::new, |stack| stack.user_frames())
    }

    /// Where it was spawned: the innermost frame of the stack outside of tokio.
    pub fn spawn_site(&self) -> Option<&'static Frame> {
        self.frames()
            .iter()
            .find(|frame| matches!(frame.origin(), FrameOrigin::User | FrameOrigin::Dependency))
    }

    fn reads_as(&self, other: &Self) -> bool {
        (self.spawned_by == other.spawned_by || self.user_frames() == other.user_frames())
            && self.seen.sight == other.seen.sight
    }
}

/// What a report says of the tasks that nobody saw spawned, beside their number.
pub(super) struct UnseenText<'a> {
    pub(super) report: &'a LeakReport,
    pub(super) paint: Paint,
}

impl Display for UnseenText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.report.unseen();
        let mut kinds: Vec<(&UnseenTask, usize)> = Vec::new();
        for task in tasks {
            match kinds.iter_mut().find(|(kind, _)| kind.reads_as(task)) {
                Some((_, count)) => *count += 1,
                None => kinds.push((task, 1)),
            }
        }
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (task, count) in kinds.iter().take(MOST_KINDS) {
            self.kind(f, task, *count)?;
        }
        if kinds.len() > MOST_KINDS {
            writeln!(f, "  ... and {} more kinds", kinds.len() - MOST_KINDS)?;
        }
        let note = self.paint.strong("note:");
        if !tasks.is_empty() && names_may_be_merged() {
            writeln!(f, "  {note} {MERGED}")?;
        }
        if tasks.iter().any(|task| task.name() == UNKNOWN) {
            writeln!(f, "  {note} {NAMELESS}")?;
        }
        if let Err(reason) = &self.report.unseen.tasks {
            writeln!(f, "  {note} they have no names here: {reason}")?;
        } else if tasks.len() != self.report.unseen_count() {
            let (counted, found) = (self.report.unseen_count(), tasks.len());
            writeln!(
                f,
                "  {note} the runtime counts {counted}, and its list showed {found}: the count is what holds. If that is so in each run, please
        report it."
            )?;
        }
        Ok(())
    }
}

impl UnseenText<'_> {
    fn kind(&self, f: &mut fmt::Formatter<'_>, task: &UnseenTask, count: usize) -> fmt::Result {
        let paint = self.paint;
        let times = if count > 1 {
            format!("{count} tasks ")
        } else {
            String::new()
        };
        writeln!(
            f,
            "  {times}{}",
            paint.strong(format_args!("`{}`", task.name()))
        )?;
        if let Some(declared) = task.declared() {
            let place = sight_text::place(declared);
            writeln!(f, "   {} {place}", paint.frame("-->"))?;
        }
        let fields = Fields::nested(paint);
        let sight = &task.seen.sight;
        write!(f, "{}", SightText { sight, paint })?;
        if let Some(diagnosis) = Diagnosis::of_unseen(task, count) {
            fields.field(f, "waits for", diagnosis.cause())?;
            fields.field(f, "help", diagnosis.help())?;
        }
        if let Some(site) = task.spawn_site().and_then(project::place) {
            fields.field(f, "spawn site", site)?;
        }
        let style = config::get().style;
        let frames = match style {
            Style::Short => task.user_frames(),
            Style::Full => task.frames().iter().collect(),
        };
        if !frames.is_empty() {
            fields.key(f, "spawn backtrace")?;
            writeln!(f)?;
            frames::write(f, paint, style, &frames)?;
        }
        Ok(())
    }
}

/// Of a task whose type can't be read, although the list that it is in can.
const NAMELESS: &str =
    "a future without a name comes out of a crate that was built without debug info; where
        `[profile.dev.package]` sets `debug`, set it to 2 for that crate.";

pub(super) const MERGED: &str = "this build is optimised, and puts equal functions together: a name may be that of another future with
        the same code.";
