//! Guards in the tests that a project already has.

mod projects;

use projects::Project;

#[test]
fn in_tokio_tests() {
    Project::new("plain-tests")
        .cargo_test("tokio_tests")
        .is("plain-tests/tokio_tests");
}

#[test]
fn in_tests_with_a_runtime_of_their_own() {
    Project::new("plain-tests")
        .cargo_test("own_runtime")
        .is("plain-tests/own_runtime");
}

#[test]
fn one_inside_another() {
    Project::new("plain-tests")
        .cargo_test("nested")
        .is("plain-tests/nested");
}

#[test]
fn on_a_runtime_that_tests_share() {
    Project::new("plain-tests")
        .cargo_test("shared_runtime")
        .is("plain-tests/shared_runtime");
}

#[test]
fn in_a_process_each() {
    if let Some(seen) = Project::new("plain-tests").nextest("tokio_tests") {
        seen.is("plain-tests/tokio_tests-nextest");
    }
}

/// A test that fails by itself is checked too, if that is asked for.
#[test]
fn in_tests_that_fail_by_themselves() {
    let project = Project::new("plain-tests").env("TASKLEAK_RUN_ON_FAILURE", "1");
    project
        .cargo_test("tokio_tests")
        .is("plain-tests/tokio_tests-run-on-failure");
}

/// libtest keeps what passing tests print to itself: one line in the end says that there is something to read.
#[test]
fn that_only_warn() {
    const LINE: &str = "taskleak: warn: 2 tests left 2 tasks; run with `-- --show-output`";
    let project = || Project::new("plain-tests").env("TASKLEAK", "warn");
    let seen = project().cargo_test("nested");
    seen.exits_with(0).shows(LINE).hides("outlived");
    let seen = project()
        .env("RUST_TEST_NOCAPTURE", "1")
        .cargo_test("nested");
    seen.exits_with(0)
        .shows("outlived")
        .hides("taskleak: warn:");
    // Of a run in which nothing leaks there is nothing to say.
    let seen = Project::new("echo-server").env("TASKLEAK", "warn");
    seen.cargo_test("fixed").is("echo-server/fixed");
}
