//! Saying something on standard error.

use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Says something in one line that is no verdict: a limit met, a mistake of ours.
pub(crate) fn say(message: impl Display) {
    print(&format_args!("taskleak: note: {message}"));
}

/// Prints lines, if anybody can hear them: a service whose standard error is gone goes on, and so do a test and a
/// thread of ours that say something.
pub(crate) fn print(text: &dyn Display) {
    if cfg!(panic = "abort") {
        // libtest has no say here: each of its tests is a process.
        print_uncaptured(text);
        return;
    }
    // libtest keeps what is printed in this way with the test. It panics where it can't be written.
    let printed = catch_unwind(AssertUnwindSafe(|| eprintln!("{text}")));
    printed.unwrap_or_else(crate::payload::discard);
}

/// The same past libtest.
pub(crate) fn print_uncaptured(text: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
