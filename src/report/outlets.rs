//! Where else a report goes that was printed: to a file for programs, and to the lines of a pull request.

use super::leak_report::LeakReport;
use super::project;
use crate::config::{self, Annotations};
use std::fmt::Display;
use std::path::Path;

/// Sends a report wherever the variables want it; what goes to standard error with it is printed as the report is.
pub(super) fn send(report: &LeakReport, print: impl Fn(&dyn Display)) {
    let config = config::get();
    if let Some(path) = &config.json {
        append(report, path);
    }
    if config.annotations == Annotations::Github {
        for annotation in annotations(report) {
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
fn annotations(report: &LeakReport) -> Vec<String> {
    let annotation = |leak: &super::Leak| {
        let at = leak.location();
        let times = match leak.count() {
            1 => "a task".to_owned(),
            count => format!("{count} tasks"),
        };
        let mut message = format!("{times} `{}` outlived {}", leak.name(), report.test());
        if let Some(waits_for) = leak.waits_for() {
            message += &format!("; waits for {waits_for}");
        }
        message += &format!(" (fingerprint {})", leak.fingerprint());
        format!(
            "::error file={},line={},col={},title={}::{}",
            property(&project::relative(at.file())),
            at.line(),
            at.column(),
            property("leaked task"),
            escaped(&message)
        )
    };
    report.leaks().iter().map(annotation).collect()
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
