//! A limit for a test that holds its thread: no timer on that thread can tell.

use super::timeout::Told;
use crate::guard::answers_of;
use crate::registry::poller;
use crate::report::ThreadStack;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// While it lives, the process is aborted once the time is over, with the tasks alive then.
pub(super) struct Watchdog {
    _lives: Option<Sender<()>>,
}

impl Watchdog {
    /// Aborts the process `after` that time, with the report that the test did not end.
    pub(super) fn start(told: Told, after: Duration) -> Self {
        let (lives, watched) = channel::<()>();
        let thread = poller::id();
        let watch = move || {
            if watched.recv_timeout(after) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let answers = answers_of(told.scope_ref());
            told.report(&answers).print_uncaptured(true);
            let stack = ThreadStack::of(thread).map(|stack| format!("{stack}\n"));
            // Not by `eprintln`: the test harness captures that, also on threads that a test started.
            let _ = writeln!(
                std::io::stderr(),
                "{}taskleak: `{}` holds its thread, so that it cannot be failed; aborting the process.",
                stack.unwrap_or_default(),
                told.test(),
            );
            std::process::abort();
        };
        let started = std::thread::Builder::new()
            .name("taskleak-watchdog".to_owned())
            .spawn(watch);
        if started.is_err() {
            crate::note::say("no thread could be started to watch over a test's timeout");
            return Self { _lives: None };
        }
        Self {
            _lives: Some(lives),
        }
    }
}
