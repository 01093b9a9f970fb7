use std::{path::Path, process::ExitStatus};

use super::golden;

/// What a person sees of a run, without what differs from run to run.
pub struct Seen {
    code: Option<i32>,
    text: String,
}

impl Seen {
    pub(super) fn new(status: ExitStatus, text: &str, folders: &[(&Path, &str)]) -> Self {
        let mut plain = of_the_run(text).to_owned();
        // Longer paths first: one may lie inside the other.
        let mut folders = folders.to_vec();
        folders.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.as_os_str().len()));
        for (folder, name) in folders {
            plain = plain.replace(&folder.display().to_string(), name);
        }
        let lines = plain
            .lines()
            .filter(|line| !is_about_the_build(line))
            .map(masked);
        let mut text = lines.collect::<Vec<_>>().join("\n");
        text.push('\n');
        Seen {
            code: status.code(),
            text,
        }
    }

    /// Whether a report says of a task that it did not answer when it was asked, or did not end when it was aborted, or of
    /// a thread that it had not come to wait for what it waits for.
    pub(super) fn has_silent_tasks(&self) -> bool {
        const SAID: [&str; 8] = [
            "did not poll it in time",
            "holds its thread since",
            "its last poll has not returned",
            "not polled, while on its runtime",
            "could not be asked what",
            "did not come to handle a signal in time",
            "an abort takes effect",
            "= state: runs, started",
        ];
        SAID.iter().any(|said| self.text.contains(said))
    }

    /// Compares it with `tests/golden/{golden}.txt`, whose first line has the exit code.
    #[track_caller]
    pub fn is(&self, golden: &str) {
        let code = self
            .code
            .map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        golden::compare(golden, &format!("{code}\n\n{}", self.text));
    }

    #[track_caller]
    pub fn exits_with(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "\n{}", self.text);
        self
    }

    #[track_caller]
    pub fn shows(&self, text: &str) -> &Self {
        assert!(
            self.text.contains(text),
            "{text:?} is not in\n{}",
            self.text
        );
        self
    }

    #[track_caller]
    pub fn hides(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "{text:?} is in\n{}", self.text);
        self
    }
}

/// What follows on the build: cargo repeats the compiler's warnings before each run.
fn of_the_run(text: &str) -> &str {
    let begins = |line: &str| line.starts_with("     Running ") || line.starts_with("────");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if begins(line) {
            return &text[at..];
        }
        at += line.len();
    }
    text
}

/// Cargo's own lines that depend on what was built before, and on who else is building.
fn is_about_the_build(line: &str) -> bool {
    let begins = [
        "    Blocking ",
        "   Compiling ",
        "    Finished ",
        "     Locking ",
        "    Updating ",
    ];
    begins.iter().any(|beginning| line.starts_with(beginning))
}

/// The line with its durations, counts of polls, hashes and thread ids replaced.
fn masked(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    for (before, after) in [
        ("; finished in ", ""),
        ("alive for ", ", polled"),
        ("alive for ", ""),
        (", polled ", ", last"),
        (", last ", " ago"),
        ("Summary [", "]"),
        ("FAIL [", "]"),
        ("PASS [", "]"),
        (", started ", " ago"),
        (" run ID ", " with"),
    ] {
        line = mask_between(&line, before, after);
    }
    line = mask_thread_id(&line);
    mask_hash(&line)
}

/// Replaces what stands between `before` and `after` (or the line's end) by dots, once.
fn mask_between(line: &str, before: &str, after: &str) -> String {
    let Some(start) = line.find(before).map(|at| at + before.len()) else {
        return line.to_owned();
    };
    let end = match after {
        "" => Some(line.len()),
        _ => line[start..].find(after).map(|at| start + at),
    };
    let Some(end) = end else {
        return line.to_owned();
    };
    format!("{}..{}", &line[..start], &line[end..])
}

/// `thread 'name' (1234) panicked at`
fn mask_thread_id(line: &str) -> String {
    if line.trim_start().starts_with("thread '") && line.contains(") panicked at ") {
        mask_between(line, "' (", ") panicked at ")
    } else {
        line.to_owned()
    }
}

/// `Running tests/leaky.rs ([target]/debug/deps/leaky-0123456789abcdef)`
fn mask_hash(line: &str) -> String {
    match (line.contains("([target]/"), line.rfind('-')) {
        (true, Some(start)) => format!("{}-..)", &line[..start]),
        _ => line.to_owned(),
    }
}

#[test]
fn what_the_compiler_says_is_not_seen() {
    let run = "     Running tests/leaky.rs (leaky)\n\nrunning 1 test\nwarning: by the test\n";
    let warned = format!("warning: unused import: `a`\n --> src/lib.rs:1:5\n\n{run}");
    assert_eq!(of_the_run(&warned), run);
    assert_eq!(of_the_run(run), run);
    assert_eq!(of_the_run("error: no such test\n"), "error: no such test\n");
}
