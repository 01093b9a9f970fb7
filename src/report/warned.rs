//! What `TASKLEAK=warn` printed where nobody sees it: libtest keeps a passing test's output to itself. So a line at the
//! process's end says that there is something to read.
//!
//! This file calls C's `atexit`.
#![allow(unsafe_code)]

use super::leak_report::LeakReport;
use super::quantity::outlived;
use crate::config::{self, Mode};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, io, panic, thread};

/// The reports of this process that nobody saw.
struct Warned {
    tests: BTreeSet<String>,
    tasks: usize,
    threads: usize,
}

static WARNED: Mutex<Warned> = Mutex::new(Warned {
    tests: BTreeSet::new(),
    tasks: 0,
    threads: 0,
});

fn warned() -> MutexGuard<'static, Warned> {
    WARNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a report that was printed and fails nothing.
pub(crate) fn note_warning(report: &LeakReport) {
    // What a failing test printed, libtest shows.
    if config::get().mode != Mode::Warn || thread::panicking() || !is_captured() {
        return;
    }
    let mut warned = warned();
    let is_first = warned.tests.is_empty();
    warned.tests.insert(report.test().to_owned());
    warned.tasks += report.leaked_count();
    warned.threads += report.threads().len();
    drop(warned);
    if is_first {
        say_at_exit();
    }
}

/// Whether this thread's output goes to libtest, which then shows it for failed tests only.
fn is_captured() -> bool {
    let is_shown = |argument: std::ffi::OsString| {
        ["--nocapture", "--no-capture", "--show-output"]
            .iter()
            .any(|shown| argument == *shown)
    };
    if env::args_os().any(is_shown)
        || env::var_os("RUST_TEST_NOCAPTURE").is_some_and(|value| value != "0")
    {
        return false;
    }
    // The main thread is libtest's only if tests run one at a time; else it is that of a program of its own.
    thread::current().name() != Some("main") || is_in_libtest()
}

fn is_in_libtest() -> bool {
    let frames = crate::stack::capture().map_or(&[][..], |stack| stack.frames());
    frames
        .iter()
        .any(|frame| frame.symbol().starts_with("test::"))
}

impl Warned {
    fn line(&self) -> String {
        let tests = self.tests.len();
        let s = if tests == 1 { "" } else { "s" };
        format!(
            "taskleak: warn: {tests} test{s} left {}; run with `-- --show-output` (or TASKLEAK=fail) to read the report{s}",
            outlived(self.tasks, self.threads)
        )
    }
}

#[cfg(unix)]
fn say_at_exit() {
    extern "C" fn say() {
        // Nothing may unwind into C; and the line goes past whatever captures output.
        _ = panic::catch_unwind(|| writeln!(io::stderr(), "{}", warned().line()));
    }

    // SAFETY: `atexit` takes a function of this type; it lives as long as the process, touches only what lives as long,
    // and does not unwind.
    unsafe {
        libc::atexit(say);
    }
}

/// Elsewhere the process's end is not heard of.
#[cfg(not(unix))]
fn say_at_exit() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_tests_and_what_they_left() {
        let mut warned = Warned {
            tests: BTreeSet::from(["a".to_owned()]),
            tasks: 2,
            threads: 0,
        };
        assert_eq!(
            warned.line(),
            "taskleak: warn: 1 test left 2 tasks; run with `-- --show-output` (or TASKLEAK=fail) to read the report"
        );
        warned.tests.insert("b".to_owned());
        warned.threads = 1;
        let line = warned.line();
        assert!(
            line.contains("2 tests left 2 tasks and 1 thread;"),
            "{line}"
        );
    }
}
