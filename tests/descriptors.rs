//! A test that uses up all descriptors leaves nothing behind for the next one: taskleak then reads what it could not.
//!
//! In a test binary of its own, since the limit is the process's.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use std::future::pending;
use std::time::Duration;
use taskleak::{Action, verify_none};
use tokio::runtime::Builder;

/// Nobody may open anything any more, until it is dropped.
struct Exhausted(libc::rlimit);

fn set(limit: &libc::rlimit) {
    // SAFETY: only reads the limit, which is ours.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) }, 0);
}

impl Exhausted {
    fn now() -> Self {
        let mut before = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: writes to the limit, which is ours.
        let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut before) };
        assert_eq!(known, 0);
        set(&libc::rlimit {
            rlim_cur: 0,
            ..before
        });
        Self(before)
    }
}

impl Drop for Exhausted {
    fn drop(&mut self) {
        set(&self.0);
    }
}

async fn nobody_tracks_it() {
    pending().await
}

/// What is said of a task that nobody tracked.
fn report() -> String {
    let (tell, told) = std::sync::mpsc::channel();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let guard = verify_none()
            .grace(Duration::from_millis(10))
            .on_leak(Action::Warn)
            .cleanup(move |report| tell.send(report.to_string()).unwrap());
        drop(tokio::spawn(nobody_tracks_it()));
        guard.finish().await;
    });
    told.recv().unwrap()
}

#[test]
#[cfg_attr(tokio_unstable, ignore = "the runtime's hooks tell of them")]
fn what_could_not_be_read_is_read_the_next_time() {
    let exhausted = Exhausted::now();
    let without = report();
    drop(exhausted);
    assert!(!without.contains("nobody_tracks_it"), "{without}");
    assert!(without.contains("at that moment"), "{without}");
    let with = report();
    assert!(with.contains("nobody_tracks_it"), "{with}");
}
