//! Notes on standard error.

use std::fmt::Display;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Says something, if anybody can hear it: a service whose standard error is gone goes on, and so does
/// the thread of ours that says it.
pub(super) fn say(message: &dyn Display) {
    if cfg!(panic = "abort") {
        // libtest has no say here: each of its tests is a process.
        let _ = writeln!(std::io::stderr(), "taskleak: note: {message}");
        return;
    }
    // libtest keeps what is printed in this way with the test. It panics where it can't be written.
    let printed = catch_unwind(AssertUnwindSafe(|| eprintln!("taskleak: note: {message}")));
    if let Err(payload) = printed {
        std::mem::forget(payload);
    }
}
