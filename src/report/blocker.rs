//! Who else holds the threads that leaked tasks need.

use super::blocked;
use super::fields::Fields;
use super::paint::Paint;
use super::project;
use super::quantity::tasks_of;
use crate::census::Unavailable;
use crate::guard::{Stranger, Strangers};
use crate::registry::TaskInfo;
use crate::stack::Frame;
use crate::wait::blocked::frames_in_task;
use std::fmt;

/// A task that is not the test's, inside a poll that has not returned, on a runtime whose turns leaked tasks wait for.
///
/// It is one that may live on (a background task, or by a rule), another test's on a runtime that both share, or one
/// that taskleak did not see spawned.
///
/// # Examples
///
/// ```
/// use taskleak::{Options, find};
///
/// if let Err(report) = find(Options::new()) {
///     for blocker in report.blockers() {
///         println!("{} holds a thread", blocker.name().unwrap_or("a task"));
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Blocker(Stranger);

impl Blocker {
    /// The task; none if taskleak did not see it spawned.
    pub fn task(&self) -> Option<&TaskInfo> {
        self.0.task.as_ref()
    }

    /// The task's name; of one that taskleak did not see spawned, the function that it was found in, if that can be
    /// told.
    pub fn name(&self) -> Option<&str> {
        match self.task() {
            Some(task) => Some(task.name()),
            None => self.frames().last().map(|frame| frame.function()),
        }
    }

    /// The thread that it holds, by its name, and what the system says that it was doing. Only on Linux.
    pub fn thread(&self) -> Option<&str> {
        self.0.thread.as_deref()
    }

    /// Where the thread was, innermost frame first; as [`TaskInfo::blocked_frames`].
    pub fn frames(&self) -> Vec<&'static Frame> {
        match (self.task(), self.0.stack) {
            (Some(task), _) => task.blocked_frames(),
            (None, stack) => stack.and_then(frames_in_task).unwrap_or_default(),
        }
    }

    fn title(&self) -> String {
        let Some(task) = self.task() else {
            return "a task that taskleak did not see spawned".to_owned();
        };
        let whose = match task.scope() {
            Some(scope) if scope.starts_with("the guard ") => format!(", of {scope}"),
            Some(scope) => format!(", of `{scope}`"),
            None => String::new(),
        };
        project::task(task.name(), task.location()) + &whose
    }
}

/// All of them, and how many wait.
#[derive(Clone, Debug)]
pub(super) struct Blockers {
    pub(super) all: Vec<Blocker>,
    due: usize,
    unasked: usize,
    /// Why nobody could look who holds the locks that tasks wait for, if that is so.
    pub(super) holders_unknown: Option<Unavailable>,
}

impl Blockers {
    pub(super) fn of(strangers: Strangers, holders_unknown: Option<Unavailable>) -> Self {
        Self {
            holders_unknown,
            all: strangers.tasks.into_iter().map(Blocker).collect(),
            due: strangers.due,
            unasked: strangers.unasked,
        }
    }

    fn due(&self) -> Option<String> {
        let tasks = tasks_of(self.due);
        match self.due {
            0 => None,
            1 => Some(format!("{tasks} of these was due and not polled")),
            _ => Some(format!("{tasks} of these were due and not polled")),
        }
    }

    fn unasked(&self) -> Option<String> {
        let tasks = tasks_of(self.unasked);
        let they = match self.unasked {
            0 => return None,
            1 => "it waits",
            _ => "they wait",
        };
        Some(format!(
            "{tasks} of these could not be asked what {they} for"
        ))
    }

    pub(super) fn text(&self, paint: Paint) -> impl fmt::Display + '_ {
        BlockersText {
            blockers: self,
            paint,
        }
    }
}

struct BlockersText<'a> {
    blockers: &'a Blockers,
    paint: Paint,
}

impl fmt::Display for BlockersText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blockers, paint } = self;
        let due = blockers.due();
        let unasked = blockers.unasked();
        let waiting: Vec<_> = due.into_iter().chain(unasked).collect();
        let their = match blockers.due + blockers.unasked {
            1 => "its",
            _ => "their",
        };
        writeln!(
            f,
            "{} {}, while on {their} runtime polls have not returned of tasks that are not judged here:",
            paint.strong("note:"),
            waiting.join(", and ")
        )?;
        for blocker in &blockers.all {
            writeln!(f, "  {}", paint.strong(blocker.title()))?;
            let fields = Fields::new(*paint);
            if let Some(thread) = blocker.thread() {
                fields.field(f, "thread", thread)?;
            }
            let frames = blocker.frames();
            if !frames.is_empty() {
                fields.key(f, "blocks in")?;
                writeln!(f)?;
                fields.functions(f, &blocked::lines(&frames))?;
            } else if let Some(why) = blocker.task().and_then(TaskInfo::not_told_where_blocked) {
                fields.field(f, "blocks in", format_args!("unknown: {why}"))?;
            }
        }
        Ok(())
    }
}
