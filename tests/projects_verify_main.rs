//! The check of a whole test binary, as it exits.

mod projects;

use projects::Project;

#[test]
fn leaks_fail_the_run() {
    Project::new("verify-main")
        .cargo_test("leaky")
        .is("verify-main/leaky");
}

#[test]
fn leaks_fail_their_process_under_nextest() {
    if let Some(seen) = Project::new("verify-main").nextest("leaky") {
        seen.is("verify-main/leaky-nextest");
    }
}

#[test]
fn a_clean_run_passes() {
    Project::new("verify-main")
        .cargo_test("clean")
        .is("verify-main/clean");
}

#[test]
fn a_failure_keeps_its_exit_code() {
    Project::new("verify-main")
        .cargo_test("failing")
        .is("verify-main/failing");
}

#[test]
fn listing_checks_nothing() {
    let seen = Project::new("verify-main").list("leaky");
    seen.exits_with(0)
        .shows("leaves_nothing: test")
        .hides("taskleak:");
}

#[test]
fn a_warning_leaves_the_exit_code() {
    let seen = Project::new("verify-main")
        .env("TASKLEAK", "warn")
        .cargo_test("leaky");
    seen.exits_with(0)
        .shows("leaves_a_task_on_the_shared_runtime");
}
