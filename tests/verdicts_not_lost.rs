//! Failures that something else could hide: an expected panic, another failure, a standard error that nobody reads.

use std::future::pending;
use std::process::{Command, Output, Stdio};
use taskleak::leak_test;
use taskleak::task::Builder;

fn strand() {
    Builder::new().name("stranded").spawn(pending::<()>());
}

fn strand_on_a_forgotten_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { strand() });
    std::mem::forget(runtime);
}

/// Tests that are to panic and do not, in all ways that a body is run; and the same that do.
macro_rules! to_panic {
    ($panics:literal) => {
        use super::*;

        const PANICS: bool = $panics;

        #[leak_test(grace = "10ms")]
        #[should_panic]
        #[ignore = "run in a process of its own"]
        async fn whole_test() {
            strand();
            panic_if(PANICS);
        }

        #[leak_test(grace = "10ms")]
        #[tokio::test(flavor = "multi_thread")]
        #[should_panic]
        #[ignore = "run in a process of its own"]
        async fn in_place_of_tokios() {
            strand();
            panic_if(PANICS);
        }

        #[taskleak_tokio::test]
        #[should_panic]
        #[ignore = "run in a process of its own"]
        async fn of_the_facade() {
            strand();
            panic_if(PANICS);
        }

        #[should_panic]
        #[leak_test(grace = "10ms")]
        #[actix_rt::test]
        #[ignore = "run in a process of its own"]
        async fn inside_actix() -> () {
            strand();
            panic_if(PANICS);
        }

        #[leak_test(grace = "10ms")]
        #[rstest::rstest]
        #[case(1)]
        #[should_panic]
        #[ignore = "run in a process of its own"]
        async fn in_a_case(#[case] _one: u32) {
            strand();
            panic_if(PANICS);
        }

        #[leak_test(grace = "10ms")]
        #[test_case::test_case(1 => panics)]
        #[ignore = "run in a process of its own"]
        fn in_a_sync_case(_one: u32) {
            strand_on_a_forgotten_runtime();
            panic_if(PANICS);
        }

        #[leak_test(grace = "10ms")]
        #[should_panic]
        #[ignore = "run in a process of its own"]
        fn sync() {
            strand_on_a_forgotten_runtime();
            panic_if(PANICS);
        }
    };
}

mod leaks_instead {
    to_panic!(false);
}

mod panics {
    to_panic!(true);
}

fn panic_if(panics: bool) {
    assert!(!panics, "as it should");
}

#[leak_test(timeout = "50ms")]
#[should_panic]
#[ignore = "run in a process of its own"]
async fn to_panic_and_hangs() {
    strand();
    pending::<()>().await;
}

#[leak_test(grace = "10ms")]
#[actix_rt::test]
#[ignore = "run in a process of its own"]
async fn inside_actix_with_an_error() -> Result<(), String> {
    strand();
    Err("connection refused".to_owned())
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
fn sync_with_an_error() -> Result<(), String> {
    strand_on_a_forgotten_runtime();
    Err("connection refused".to_owned())
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn whole_test_with_an_error() -> Result<(), String> {
    strand();
    Err("connection refused".to_owned())
}

#[leak_test(grace = "10ms")]
#[actix_rt::test]
#[ignore = "run in a process of its own"]
async fn inside_actix_without_an_error() -> Result<(), String> {
    strand();
    Ok(())
}

#[leak_test(grace = "10ms")]
#[ignore = "run in a process of its own"]
async fn leaks() {
    strand();
}

#[tokio::test]
#[ignore = "run in a process of its own"]
async fn leaks_beside_a_guard() {
    let guard = taskleak::verify_none().grace(std::time::Duration::from_millis(10));
    strand();
    guard.finish().await;
}

fn child(test: &str) -> Command {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    let mut command = Command::new(executable);
    command
        .args([test, "--ignored", "--nocapture", "--test-threads=1"])
        .env("TASKLEAK_GRACE", "10ms")
        .env_remove("TASKLEAK");
    command
}

/// What was seen of the child's test, and whether all has passed.
#[track_caller]
fn seen(test: &str) -> (String, bool) {
    let output: Output = child(test).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("running 0 tests"), "{text}");
    (text, output.status.success())
}

/// The names of the tests in a module that this binary lists.
fn tests_in(module: &str) -> Vec<String> {
    let output = child(module).arg("--list").output().expect("it runs");
    let list = String::from_utf8(output.stdout).expect("names are text");
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    names.map(str::to_owned).collect()
}

#[test]
fn a_leak_is_not_the_panic_that_is_expected() {
    let tests = tests_in("leaks_instead::");
    assert_eq!(tests.len(), 7, "{tests:?}");
    for test in tests {
        let (text, passed) = seen(&test);
        assert!(!passed, "{text}");
        assert!(text.contains("leak: `stranded`"), "{test}: {text}");
        assert!(
            text.contains("test did not panic as expected"),
            "{test}: {text}"
        );
    }
}

#[test]
fn the_panic_that_is_expected_is_one() {
    let tests = tests_in("panics::");
    assert_eq!(tests.len(), 7, "{tests:?}");
    for test in tests {
        let (text, passed) = seen(&test);
        assert!(passed, "{text}");
        assert!(!text.contains("stranded"), "{test}: {text}");
    }
}

#[test]
fn nor_is_it_that_the_time_is_over() {
    let (text, passed) = seen("to_panic_and_hangs");
    assert!(!passed, "{text}");
    assert!(text.contains("did not end within 50ms"), "{text}");
}

#[test]
fn nor_is_it_that_a_variable_is_wrong() {
    let mut child = child("panics::whole_test");
    let output = child.env("TASKLEAK_GRACE", "soon").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("TASKLEAK_GRACE"), "{text}");
}

#[test]
fn an_error_of_its_own_is_told_beside_the_leak() {
    for test in [
        "inside_actix_with_an_error",
        "sync_with_an_error",
        "whole_test_with_an_error",
    ] {
        let (text, passed) = seen(test);
        assert!(!passed, "{text}");
        assert!(text.contains("leak: `stranded`"), "{test}: {text}");
        assert!(
            text.contains("Error: \"connection refused\""),
            "{test}: {text}"
        );
    }
    let (text, passed) = seen("inside_actix_without_an_error");
    assert!(!passed, "{text}");
    assert!(!text.contains("Error:"), "{text}");
}

/// The exit code of a child whose standard error is a pipe that nobody reads from.
#[cfg(unix)]
fn code_of_unheard(test: &str, mode: &str) -> Option<i32> {
    let (unread, stderr) = std::io::pipe().expect("there are pipes");
    drop(unread);
    let mut child = child(test);
    child.arg("--exact").env("TASKLEAK", mode);
    let child = child.stdout(Stdio::null()).stderr(stderr);
    child.status().expect("it runs").code()
}

#[test]
#[cfg(unix)]
fn a_report_that_nobody_hears_decides_nothing() {
    for test in ["leaks", "leaks_beside_a_guard"] {
        assert_eq!(code_of_unheard(test, "warn"), Some(0), "{test}");
        assert_eq!(code_of_unheard(test, "fail"), Some(101), "{test}");
    }
}
