//! One kind of leak as a person reads of it.

use super::awaits;
use super::blocked;
use super::fields::Fields;
use super::leak::Leak;
use super::paint::Paint;
use super::quantity::{Brief, Range};
use super::sight_text;
use super::unseen::UnseenState;
use super::{diagnosis, frames, project};
use crate::census::SeenState;
use crate::config::Style;
use crate::registry::{TaskInfo, TaskKind, TaskState};
use crate::wait::TraceSource;
use std::fmt;

/// Names of one kind of leak that are shown.
const MOST_NAMES: usize = 3;
/// Ancestors that are shown.
const MOST_ANCESTORS: usize = 8;

/// What one is called that need not be a leak.
pub(super) const TASK: &str = "task";

/// One kind of leak.
pub(super) struct LeakText<'a> {
    pub(super) leak: &'a Leak,
    pub(super) paint: Paint,
    pub(super) style: Style,
    /// What one is called: a leak, or [`TASK`].
    pub(super) what: &'static str,
}

impl LeakText<'_> {
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        number: Option<(usize, usize)>,
    ) -> fmt::Result {
        let Self {
            leak, paint, what, ..
        } = self;
        let title = match number {
            Some((number, of)) => format!("{what} {number} of {of}:"),
            None => format!("{what}:"),
        };
        let times = if leak.count() > 1 {
            format!("{} tasks ", leak.count())
        } else {
            String::new()
        };
        writeln!(
            f,
            "{} {times}{}",
            paint.error(title),
            paint.strong(self.names())
        )?;
        self.source(f)?;
        if let Some(declared) = self.declared() {
            self.fields().field(f, "declared", declared)?;
        }
        self.fields().field(f, "state", self.state())?;
        self.awaits(f)?;
        self.blocked(f)?;
        // What only waits for its work needs no help.
        let is_shown = |key: &str| *what != TASK || key != "help";
        diagnosis::write(leak, |key, value| match is_shown(key) {
            true => self.fields().field(f, key, value),
            false => Ok(()),
        })?;
        self.fields().field(f, "fingerprint", leak.fingerprint())?;
        let data: Vec<_> = leak
            .data()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        if !data.is_empty() {
            let whose = if leak.count() > 1 {
                " (of the oldest)"
            } else {
                ""
            };
            self.fields()
                .field(f, "data", format_args!("{}{whose}", data.join(", ")))?;
        }
        for (step, ancestor) in leak.ancestors().iter().take(MOST_ANCESTORS).enumerate() {
            let key = if step == 0 {
                "spawned by"
            } else {
                "which was by"
            };
            let spawner = project::name_and_place(ancestor.name(), ancestor.location());
            self.fields().field(f, key, spawner)?;
        }
        self.backtrace(f)
    }

    /// The names, unless they are all the same.
    fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        let mut more = false;
        for task in self.leak.tasks() {
            if !names.contains(&task.name()) {
                if names.len() == MOST_NAMES {
                    more = true;
                    break;
                }
                names.push(task.name());
            }
        }
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ") + if more { ", ..." } else { "" }
    }

    /// The spawn site with its line, as the compiler would show it.
    fn source(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leak, paint, .. } = self;
        let location = leak.location();
        let (line, column) = (location.line(), location.column() as usize);
        let width = line.to_string().len();
        let file = project::relative(location.file());
        writeln!(
            f,
            "{:width$}{} {file}:{line}:{column}",
            "",
            paint.frame("-->")
        )?;
        if let Some(source) = project::source_line(location.file(), line) {
            let bar = paint.frame("|");
            writeln!(f, "{:width$} {bar}", "")?;
            writeln!(f, "{} {bar} {source}", paint.frame(line))?;
            let mark = paint.error("^ spawned here");
            writeln!(
                f,
                "{:width$} {bar} {:indent$}{mark}",
                "",
                "",
                indent = column - 1
            )?;
            writeln!(f, "{:width$} {bar}", "")?;
        }
        Ok(())
    }

    /// Where the future is declared, unless that is where it was spawned.
    fn declared(&self) -> Option<String> {
        let declared = sight_text::place(self.leak.declared()?);
        let location = self.leak.location();
        let spawned = sight_text::place((location.file().as_ref(), location.line()));
        (declared != spawned).then_some(declared)
    }

    fn fields(&self) -> Fields {
        Fields::below_source(self.paint, self.leak.location().line())
    }

    fn state(&self) -> String {
        let leak = self.leak;
        let seen = leak.oldest().sight().map(|sight| sight.state);
        let state = match (leak.kind(), leak.state()) {
            (_, TaskState::Killed) => {
                return "killed by its runtime's shutdown: it had not ended, and was not aborted"
                    .to_owned();
            }
            (TaskKind::Blocking, TaskState::NeverPolled) => {
                "waits for a thread of the blocking pool".to_owned()
            }
            (TaskKind::Blocking, _) => "runs on the blocking pool".to_owned(),
            (_, TaskState::Running) => UnseenState::Running.to_string(),
            (_, state @ TaskState::NeverPolled) => state.to_string(),
            (_, state @ TaskState::Pending) => match seen {
                // What else there is to say of those is said below.
                Some(SeenState::Parked | SeenState::NoWaker) => UnseenState::Parked.to_string(),
                Some(SeenState::Unknown) | None => state.to_string(),
                Some(seen) => UnseenState::from(seen).to_string(),
            },
        };
        let tasks = leak.tasks();
        let ages = Range::of(tasks.iter().map(TaskInfo::age));
        let mut text = format!("{state}, alive for {}", ages.map(Brief));
        if leak.kind() != TaskKind::Blocking && leak.state() != TaskState::NeverPolled {
            let polls = Range::of(tasks.iter().map(TaskInfo::polls));
            let times = if polls.is_one(&1) { "time" } else { "times" };
            text += &format!(", polled {polls} {times}");
            if let Some(last) = tasks.iter().filter_map(TaskInfo::last_poll).min() {
                text += &format!(", last {} ago", Brief(last));
            }
        }
        text
    }

    fn awaits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let oldest = self.leak.oldest();
        let trace = self.leak.await_trace();
        let Some(trace) = trace.filter(|trace| !trace.is_empty()) else {
            return match trace {
                _ if oldest.is_silent() => {
                    self.fields().field(f, "waits in", awaits::silent(oldest))
                }
                Some(_) if oldest.hides_what_it_waits_in() => {
                    self.fields().field(f, "waits in", awaits::UNSEEN)
                }
                Some(_) => self.fields().field(f, "waits in", awaits::NOTHING),
                None => Ok(()),
            };
        };
        self.fields().key(f, "waits in")?;
        match trace.source() {
            TraceSource::Poll => writeln!(f)?,
            TraceSource::Census if oldest.is_silent() => {
                writeln!(f, " {}", awaits::SILENT_BY_DEBUG_INFO)?
            }
            TraceSource::Census => writeln!(f, " {}", awaits::BY_DEBUG_INFO)?,
        }
        let (lines, more) = awaits::lines(trace);
        self.fields().functions(f, &lines)?;
        if more > 0 {
            self.fields()
                .line(f, format_args!("... and {more} more lines"))?;
        }
        if trace.wakes_itself() {
            self.fields().line(f, awaits::BUSY)?;
        }
        Ok(())
    }

    fn blocked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(task) = blocked::task(self.leak) else {
            let Some(why) = blocked::why_unknown(self.leak) else {
                return Ok(());
            };
            return self
                .fields()
                .field(f, "blocks in", format_args!("unknown: {why}"));
        };
        self.fields().key(f, "blocks in")?;
        writeln!(f)?;
        self.fields()
            .functions(f, &blocked::lines(&task.blocked_frames()))
    }

    fn backtrace(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = match self.style {
            Style::Short => self.leak.user_frames(),
            Style::Full => self.leak.frames().iter().collect(),
        };
        if frames.is_empty() {
            return Ok(());
        }
        self.fields().key(f, "spawn backtrace")?;
        writeln!(f)?;
        frames::write(f, self.paint, self.style, &frames)
    }
}
