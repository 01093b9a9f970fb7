//! The check of a whole test binary that has a main of its own.

mod projects;

use projects::Project;

#[test]
fn a_leak_fails_the_run() {
    Project::new("custom-main")
        .cargo_test("leaky")
        .is("custom-main/leaky");
}

#[test]
fn a_leak_fails_its_process_under_nextest() {
    if let Some(seen) = Project::new("custom-main").nextest("leaky") {
        seen.is("custom-main/leaky-nextest");
    }
}

#[test]
fn a_clean_main_passes() {
    Project::new("custom-main")
        .cargo_test("clean")
        .is("custom-main/clean");
}

#[test]
fn listing_checks_nothing() {
    Project::new("custom-main")
        .list("leaky")
        .exits_with(0)
        .hides("taskleak:");
}
