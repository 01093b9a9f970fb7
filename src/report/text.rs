//! The report as a person reads it.

use super::awaits;
use super::blocked;
use super::leak::Leak;
use super::leak_report::{LeakReport, Settled};
use super::notes::{listed, on_names, undecided, unseen_undecided};
use super::paint::Paint;
use super::sight_text;
use super::thread_text::ThreadText;
use super::unseen::UnseenText;
use super::unseen_help::UnseenHelp;
use super::{diagnosis, frames, project};
use crate::census::SeenState;
use crate::config::{self, Style};
use crate::registry::{TaskInfo, TaskKind, TaskState};
use crate::wait::TraceSource;
use std::fmt::{self, Display};
use std::time::Duration;

/// Kinds of leaks that are shown; of the rest, how many.
pub(super) const MOST_LEAKS: usize = 50;
/// Names of one kind of leak that are shown.
const MOST_NAMES: usize = 3;
/// Ancestors that are shown.
const MOST_ANCESTORS: usize = 8;

pub(super) struct Text<'a> {
    pub(super) report: &'a LeakReport,
    pub(super) paint: Paint,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        let leaks = &self.report.leaks;
        let style = config::get().style;
        for (number, leak) in leaks.iter().take(MOST_LEAKS).enumerate() {
            writeln!(f)?;
            let numbered = (leaks.len() > 1).then_some((number + 1, leaks.len()));
            LeakText {
                leak,
                paint: self.paint,
                style,
                what: "leak",
            }
            .write(f, numbered)?;
        }
        if leaks.len() > MOST_LEAKS {
            let left = &leaks[MOST_LEAKS..];
            let tasks = left.iter().map(Leak::count).sum();
            writeln!(
                f,
                "\n... and {} in {} more kinds of leaks",
                tasks_of(tasks),
                left.len()
            )?;
        }
        let threads = ThreadText::group(&self.report.threads.leaked, self.paint, style);
        for group in threads.iter().take(MOST_LEAKS) {
            write!(f, "\n{group}")?;
        }
        if threads.len() > MOST_LEAKS {
            let left = threads.len() - MOST_LEAKS;
            writeln!(f, "\n... and {left} more kinds of leaked threads")?;
        }
        self.after(f)
    }
}

impl Text<'_> {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, paint } = self;
        let test = match report.test() {
            place if place.starts_with("the guard ") => place.to_owned(),
            test => format!("`{test}`"),
        };
        let count = outlived(report.leaked_count(), report.threads.leaked.len());
        let name = paint.error("taskleak:");
        match report.settled {
            Settled::TimedOut => {
                let alive = if report.leaks.is_empty() {
                    "no task of it was"
                } else {
                    "alive are"
                };
                let grace = Brief(report.grace);
                writeln!(
                    f,
                    "{name} {}",
                    paint.strong(format_args!("{test} did not end within {grace}; {alive}"))
                )?;
                if !report.leaks.is_empty() {
                    writeln!(f, "          {count} that it spawned")?;
                }
                Ok(())
            }
            Settled::Expired if report.grace.is_zero() => {
                writeln!(
                    f,
                    "{name} {}",
                    paint.strong(format_args!("{count} outlived {test}"))
                )
            }
            Settled::Expired => {
                let grace = Brief(report.grace);
                let headline = format!("{count} outlived {test} and {grace} of grace");
                writeln!(f, "{name} {}", paint.strong(headline))
            }
            Settled::Stuck => {
                let headline = if report.task_count() == 1 {
                    format!("{count} outlived {test}, and can never end")
                } else {
                    format!("{count} outlived {test}, and none of them can ever end")
                };
                writeln!(f, "{name} {}", paint.strong(headline))
            }
            Settled::AtExit | Settled::AtExitExpired => {
                let headline = format!("{count} outlived {test}, and no guard answered for that");
                writeln!(f, "{name} {}", paint.strong(headline))
            }
            Settled::Clean | Settled::WithoutGrace => {
                writeln!(
                    f,
                    "{name} {}",
                    paint.strong(format_args!("{count} outlived {test}"))
                )
            }
        }
    }

    fn after(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, paint } = self;
        if !report.leaks.is_empty() {
            for note in on_names(report, &report.leaks) {
                writeln!(f)?;
                writeln!(f, "{} {note}", paint.strong("note:"))?;
            }
        }
        if !report.blockers().is_empty() {
            writeln!(f)?;
            write!(f, "{}", report.blockers.text(*paint))?;
        }
        if report.unseen_leaked() {
            let more = if report.leaks.is_empty() { "" } else { " more" };
            let (count, are) = (
                report.unseen_count(),
                if report.unseen_count() == 1 {
                    "is"
                } else {
                    "are"
                },
            );
            let plural = if count == 1 { "" } else { "s" };
            writeln!(f)?;
            writeln!(
                f,
                "{count}{more} task{plural} {are} alive that taskleak did not see spawned."
            )?;
            write!(
                f,
                "{}",
                UnseenText {
                    report,
                    paint: *paint
                }
            )?;
            write!(f, "{}", UnseenHelp::of(report, *paint))?;
        } else if report.unseen_count() > 0 {
            writeln!(f)?;
            writeln!(
                f,
                "{} {}",
                paint.strong("note:"),
                unseen_undecided(report.unseen_count())
            )?;
            write!(
                f,
                "{}",
                UnseenText {
                    report,
                    paint: *paint
                }
            )?;
        }
        if let Some(why) = &report.threads.undecided {
            writeln!(f)?;
            writeln!(f, "{} {why}", paint.strong("note:"))?;
        }
        if !report.hooked.undecided.is_empty() {
            writeln!(f)?;
            writeln!(f, "{} {}", paint.strong("note:"), undecided(report, *paint))?;
        }
        if report.settled == Settled::WithoutGrace {
            writeln!(f)?;
            writeln!(f, "{} {WITHOUT_GRACE}", paint.strong("note:"))?;
        }
        if !report.tolerated.is_empty() {
            writeln!(f)?;
            write!(f, "{}", paint.dim("alive too, and allowed to be:"))?;
            writeln!(f, "{}", listed(&report.tolerated))?;
        }
        Ok(())
    }
}

const WITHOUT_GRACE: &str = "the guard was dropped inside a current-thread runtime, which stands still meanwhile: tasks that wait for
      time, sockets or each other's handles had no chance to end. To give them a grace, end the guard by
      `guard.finish().await`, or use `#[taskleak::leak_test]`.";

/// One kind of leak.
pub(super) struct LeakText<'a> {
    pub(super) leak: &'a Leak,
    pub(super) paint: Paint,
    pub(super) style: Style,
    /// What one is called: a leak.
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
            self.field(f, "declared", declared)?;
        }
        self.field(f, "state", self.state())?;
        self.awaits(f)?;
        self.blocked(f)?;
        diagnosis::write(leak, |key, value| self.field(f, key, value))?;
        self.field(f, "fingerprint", leak.fingerprint())?;
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
            self.field(f, "data", format_args!("{}{whose}", data.join(", ")))?;
        }
        for (step, ancestor) in leak.ancestors().iter().take(MOST_ANCESTORS).enumerate() {
            let key = if step == 0 {
                "spawned by"
            } else {
                "which was by"
            };
            let at = ancestor.location();
            let file = project::relative(at.file());
            let (line, column) = (at.line(), at.column());
            self.field(
                f,
                key,
                format_args!("{} ({file}:{line}:{column})", ancestor.name()),
            )?;
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

    fn field(&self, f: &mut fmt::Formatter<'_>, key: &str, value: impl Display) -> fmt::Result {
        self.key(f, key)?;
        writeln!(f, " {value}")
    }

    fn key(&self, f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
        let Self { leak, paint, .. } = self;
        let width = leak.location().line().to_string().len();
        write!(
            f,
            "{:width$} {} {}",
            "",
            paint.frame("="),
            paint.strong(format_args!("{key}:"))
        )
    }

    fn state(&self) -> String {
        let leak = self.leak;
        let state = match (leak.kind(), leak.state()) {
            (_, TaskState::Killed) => {
                return "killed by its runtime's shutdown: it had not ended, and was not aborted"
                    .to_owned();
            }
            (TaskKind::Blocking, TaskState::NeverPolled) => {
                "waits for a thread of the blocking pool"
            }
            (TaskKind::Blocking, _) => "runs on the blocking pool",
            (_, TaskState::NeverPolled) => "never polled",
            (_, TaskState::Running) => "inside a poll that has not returned",
            (_, TaskState::Pending) => match leak.oldest().sight().map(|sight| sight.state) {
                // What else there is to say of those is said below.
                Some(SeenState::Parked | SeenState::NoWaker) => "parked",
                Some(SeenState::Unknown) | None => "pending",
                Some(state) => sight_text::state(state),
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
                _ if oldest.is_silent() => self.field(f, "waits in", awaits::silent(oldest)),
                Some(_) => self.field(f, "waits in", awaits::NOTHING),
                None => Ok(()),
            };
        };
        self.key(f, "waits in")?;
        match trace.source() {
            TraceSource::Poll => writeln!(f)?,
            TraceSource::Census if oldest.is_silent() => {
                writeln!(f, " {}", awaits::SILENT_BY_DEBUG_INFO)?
            }
            TraceSource::Census => writeln!(f, " {}", awaits::BY_DEBUG_INFO)?,
        }
        let (lines, more) = awaits::lines(trace);
        self.lines(f, &lines)?;
        if more > 0 {
            writeln!(f, "       ... and {more} more lines")?;
        }
        if trace.wakes_itself() {
            writeln!(f, "       {}", awaits::BUSY)?;
        }
        Ok(())
    }

    fn blocked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(task) = blocked::task(self.leak) else {
            let Some(why) = blocked::why_unknown(self.leak) else {
                return Ok(());
            };
            return self.field(f, "blocks in", format_args!("unknown: {why}"));
        };
        self.key(f, "blocks in")?;
        writeln!(f)?;
        self.lines(f, &blocked::lines(&task.blocked_frames()))
    }

    /// Functions and their places.
    fn lines(&self, f: &mut fmt::Formatter<'_>, lines: &[(String, Option<String>)]) -> fmt::Result {
        let width = lines.iter().map(|(function, _)| function.chars().count());
        let width = width.max().unwrap_or(0).min(48);
        for (function, place) in lines {
            match place {
                Some(place) => writeln!(f, "       {function:width$}  {}", self.paint.dim(place))?,
                None => writeln!(f, "       {function}")?,
            }
        }
        Ok(())
    }

    fn backtrace(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = match self.style {
            Style::Short => self.leak.user_frames(),
            Style::Full => self.leak.frames().iter().collect(),
        };
        if frames.is_empty() {
            return Ok(());
        }
        self.key(f, "spawn backtrace")?;
        writeln!(f)?;
        frames::write(f, self.paint, self.style, &frames)
    }
}

/// What did, as a headline begins.
pub(super) fn outlived(tasks: usize, threads: usize) -> String {
    let plural = if threads == 1 { "" } else { "s" };
    match (tasks, threads) {
        (_, 0) => tasks_of(tasks),
        (0, _) => format!("{threads} thread{plural}"),
        _ => format!("{} and {threads} thread{plural}", tasks_of(tasks)),
    }
}

pub(super) fn tasks_of(count: usize) -> String {
    format!("{count} task{}", if count == 1 { "" } else { "s" })
}

/// The least and the greatest of some values; as one if they read the same.
pub(super) struct Range<T> {
    least: T,
    greatest: T,
}

impl<T: Ord + Copy + Default> Range<T> {
    pub(super) fn of(values: impl Iterator<Item = T> + Clone) -> Self {
        Self {
            least: values.clone().min().unwrap_or_default(),
            greatest: values.max().unwrap_or_default(),
        }
    }

    fn is_one(&self, value: &T) -> bool {
        self.least == *value && self.greatest == *value
    }

    pub(super) fn map<U>(&self, map: impl Fn(T) -> U) -> Range<U> {
        Range {
            least: map(self.least),
            greatest: map(self.greatest),
        }
    }
}

impl<T: Display> Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = (self.least.to_string(), self.greatest.to_string());
        if least == greatest {
            f.write_str(&least)
        } else {
            write!(f, "{least} to {greatest}")
        }
    }
}

/// A duration to three digits: `1.02s`, `750ms`, `3min`.
#[derive(Clone, Copy)]
pub(super) struct Brief(pub(super) Duration);

impl Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            // Ages are read off a clock that ticks this slowly.
            0..5 => f.write_str("less than 5ms"),
            5..1000 => write!(f, "{millis}ms"),
            1000..60_000 if millis.is_multiple_of(1000) => write!(f, "{}s", millis / 1000),
            1000..60_000 => write!(f, "{:.2}s", self.0.as_secs_f64()),
            60_000..7_200_000 => write!(f, "{}min", millis / 60_000),
            _ => write!(f, "{}h", millis / 3_600_000),
        }
    }
}
