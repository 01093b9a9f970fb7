//! A limit for a test that holds its thread: no timer on that thread can tell.

use crate::guard::answers_of;
use crate::registry::{ScopeRef, poller};
use crate::report::ThreadStack;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// While it lives, the process is aborted once the time is over, with the tasks alive then.
pub(super) struct Watchdog {
    _lives: Option<Sender<()>>,
}

impl Watchdog {
    pub(super) fn start(test: &Arc<str>, scope: ScopeRef, timeout: Duration) -> Self {
        let (lives, watched) = channel::<()>();
        let test = test.clone();
        let thread = poller::id();
        let watch = move || {
            if watched.recv_timeout(timeout) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let answers = answers_of(scope);
            super::harness::report_timeout(&test, scope, timeout, &answers).print();
            if let Some(stack) = ThreadStack::of(thread) {
                eprintln!("{stack}");
            }
            eprintln!(
                "taskleak: `{test}` holds its thread, so that it cannot be failed; aborting the \
                 process."
            );
            std::process::abort();
        };
        let started = std::thread::Builder::new()
            .name("taskleak-watchdog".to_owned())
            .spawn(watch);
        if started.is_err() {
            crate::report::note("no thread could be started to watch over a test's timeout");
            return Self { _lives: None };
        }
        Self {
            _lives: Some(lives),
        }
    }
}
