//! The report as a person reads it.

use super::leak::Leak;
use super::leak_report::{LeakReport, Settled};
use super::leak_text::LeakText;
use super::notes::{holders_unknown, listed, on_names, undecided, unseen_undecided};
use super::paint::Paint;
use super::quantity::{Brief, outlived, tasks_of};
use super::thread_text::ThreadText;
use super::unseen::UnseenText;
use super::unseen_help::UnseenHelp;
use crate::config;
use std::fmt::{self, Display};

/// Kinds of leaks that are shown; of the rest, how many.
pub(super) const MOST_LEAKS: usize = 50;

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
        if let Some(note) = holders_unknown(report) {
            writeln!(f)?;
            writeln!(f, "{} {note}", paint.strong("note:"))?;
        }
        if !report.blockers().is_empty() {
            writeln!(f)?;
            write!(f, "{}", report.blockers.text(*paint))?;
        }
        self.unseen(f)?;
        if report.unseen.uncounted {
            writeln!(f)?;
            writeln!(f, "{} {UNCOUNTED}", paint.strong("note:"))?;
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

    fn unseen(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { report, paint } = *self;
        let count = report.unseen_count();
        if count == 0 {
            return Ok(());
        }
        writeln!(f)?;
        if report.unseen_leaked() {
            let more = if report.leaks.is_empty() { "" } else { " more" };
            let tasks_are = if count == 1 { "task is" } else { "tasks are" };
            writeln!(
                f,
                "{count}{more} {tasks_are} alive that taskleak did not see spawned."
            )?;
        } else {
            writeln!(f, "{} {}", paint.strong("note:"), unseen_undecided(count))?;
        }
        write!(f, "{}", UnseenText { report, paint })?;
        if report.unseen_leaked() {
            write!(f, "{}", UnseenHelp::of(report, paint))?;
        }
        Ok(())
    }
}

const UNCOUNTED: &str = "only tracked tasks are judged here: the guard was opened on a runtime that had other tasks already, or that
      other tests use too. On a runtime of the test's own, opened at its beginning, a guard counts all tasks.";

const WITHOUT_GRACE: &str = "the guard was dropped inside a current-thread runtime, which stands still meanwhile: tasks that wait for
      time, sockets or each other's handles had no chance to end. To give them a grace, end the guard by
      `guard.finish().await`, or use `#[taskleak::leak_test]`.";
