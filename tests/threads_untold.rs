//! Threads in a test binary without `track_threads!`: nobody can tell whose they are, and a guard says so.

use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use taskleak::{Options, find, verify_none};

/// Runs a test of this binary by itself, and says what it printed.
fn alone(test: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("THREADS_UNTOLD_ALONE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn is_alone() -> bool {
    std::env::var_os("THREADS_UNTOLD_ALONE").is_some()
}

#[test]
fn a_new_thread_is_named_and_not_judged() {
    if !is_alone() {
        let printed = alone("a_new_thread_is_named_and_not_judged");
        let note = "taskleak: note: threads are not judged, since nothing notes who starts them: ";
        assert!(printed.contains(note), "{printed}");
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            assert!(
                printed.contains("`taskleak::track_threads!();`"),
                "{printed}"
            );
            assert!(
                printed.contains("nobody can tell whose it is: `reader`."),
                "{printed}"
            );
        }
        return;
    }
    let guard = verify_none().threads(true).grace(Duration::from_millis(20));
    let (release, waits) = channel::<()>();
    let named = thread::Builder::new().name("reader".to_owned());
    let (begins, begun) = channel();
    let thread = named.spawn(move || {
        begins.send(()).unwrap();
        waits.recv()
    });
    // It takes its name first.
    begun.recv().unwrap();
    let thread = thread.unwrap();
    guard.finish_blocking();
    drop(release);
    _ = thread.join().unwrap();
}

#[test]
fn no_thread_is_new() {
    if !is_alone() {
        let printed = alone("no_thread_is_new");
        assert!(printed.contains("threads are not judged"), "{printed}");
        assert!(printed.contains("none is new"), "{printed}");
        return;
    }
    verify_none().threads(true).finish_blocking();
}

/// Who did not ask is not told.
#[test]
fn without_a_wish_for_it() {
    if !is_alone() {
        let printed = alone("without_a_wish_for_it");
        assert!(!printed.contains("taskleak"), "{printed}");
        return;
    }
    verify_none().finish_blocking();
}

#[test]
fn a_report_has_no_threads_then() {
    let _guard = verify_none();
    let options = Options::new().threads(true).grace(Duration::ZERO);
    let (release, waits) = channel::<()>();
    let thread = thread::spawn(move || waits.recv());
    assert!(find(options).is_ok());
    drop(release);
    _ = thread.join().unwrap();
}
