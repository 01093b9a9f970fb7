//! Where else a report goes that was printed: to a file for programs, and to the lines of a pull request.

use super::leak_report::{LeakReport, Settled};
use super::project;
use crate::config::{self, Annotations};
use crate::stack::Frame;
use std::fmt::Display;
use std::path::Path;

/// Sends a report wherever the variables want it; what goes to standard error with it is printed as the report is.
pub(super) fn send(report: &LeakReport, fails: bool, print: impl Fn(&dyn Display)) {
    let config = config::get();
    if let Some(path) = &config.json {
        append(report, path);
    }
    if config.annotations == Annotations::Github {
        for annotation in annotations(report, fails) {
            print(&annotation);
        }
    }
}

/// Appends a line, in one write, since other tests' processes do the same.
#[cfg(feature = "json")]
fn append(report: &LeakReport, path: &Path) {
    use std::io::Write;

    let line = report.to_json() + "\n";
    let written = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        crate::note::say(format_args!(
            "the report could not be appended to {} (TASKLEAK_JSON): {error}",
            path.display()
        ));
    }
}

#[cfg(not(feature = "json"))]
fn append(_: &LeakReport, path: &Path) {
    crate::note::say(format_args!(
        "TASKLEAK_JSON asks for reports in {}, which needs taskleak's feature `json`",
        path.display()
    ));
}

/// GitHub's workflow commands: one for each kind of leak, at its spawn site.
fn annotations(report: &LeakReport, fails: bool) -> Vec<String> {
    let command = if fails { "error" } else { "warning" };
    let lasts = |singular| match (report.settled, singular) {
        (Settled::TimedOut, true) => "is alive in",
        (Settled::TimedOut, false) => "are alive in",
        _ => "outlived",
    };
    let test = report.test();
    let of_tasks = report.leaks().iter().map(|leak| {
        let at = leak.location();
        let place = Place {
            file: at.file(),
            line: at.line(),
            column: Some(at.column()),
        };
        let tasks = match leak.count() {
            1 => "a task".to_owned(),
            count => format!("{count} tasks"),
        };
        let mut message = format!(
            "{tasks} `{}` {} {test}",
            leak.name(),
            lasts(leak.count() == 1)
        );
        if let Some(waits_for) = leak.waits_for() {
            message += &format!("; waits for {waits_for}");
        }
        message += &format!(" (fingerprint {})", leak.fingerprint());
        annotation(command, "leaked task", Some(place), &message)
    });
    let unseen = report.unseen().iter().filter(|_| report.unseen_leaked());
    let of_unseen = unseen.map(|task| {
        let site = task.spawn_site();
        let place = site.and_then(Place::of).or_else(|| {
            let (file, line) = task.declared()?;
            Some(Place {
                file: file.to_str()?,
                line,
                column: None,
            })
        });
        let message = format!("an untracked task `{}` {} {test}", task.name(), lasts(true));
        annotation(command, "leaked task", place, &message)
    });
    let of_threads = report.threads().iter().map(|thread| {
        let frames = thread.user_frames();
        let place = frames.first().and_then(|frame| Place::of(frame));
        let message = format!("a thread `{}` {} {test}", thread.name(), lasts(true));
        annotation(command, "leaked thread", place, &message)
    });
    of_tasks.chain(of_unseen).chain(of_threads).collect()
}

/// A place in the source, its file as the compiler names it.
struct Place<'a> {
    file: &'a str,
    line: u32,
    column: Option<u32>,
}

impl<'a> Place<'a> {
    fn of(frame: &'a Frame) -> Option<Self> {
        Some(Self {
            file: frame.file()?.to_str()?,
            line: frame.line()?,
            column: frame.column().filter(|column| *column > 0),
        })
    }
}

fn annotation(command: &str, title: &str, place: Option<Place<'_>>, message: &str) -> String {
    let mut properties = String::new();
    if let Some(Place { file, line, column }) = place {
        let workspace = std::env::var_os("GITHUB_WORKSPACE");
        let file = project::relative_to(file, workspace.as_deref().map(Path::new));
        properties += &format!("file={},line={line},", property(&file));
        if let Some(column) = column {
            properties += &format!("col={column},");
        }
    }
    format!(
        "::{command} {properties}title={}::{}",
        property(title),
        escaped(message)
    )
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_github_is_escaped() {
        assert_eq!(escaped("50%\nof a:b,c"), "50%25%0Aof a:b,c");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
