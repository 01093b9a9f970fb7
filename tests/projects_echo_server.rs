//! A TCP server whose tests leak, as its author sees them: by `cargo test` and by nextest.

mod projects;

use projects::Project;

#[test]
fn leaks_are_reported_by_cargo_test() {
    Project::new("echo-server")
        .cargo_test("leaky")
        .is("echo-server/leaky");
}

#[test]
fn leaks_are_reported_by_nextest() {
    if let Some(seen) = Project::new("echo-server").nextest("leaky") {
        seen.is("echo-server/leaky-nextest");
    }
}

#[test]
fn the_fixed_twins_pass() {
    Project::new("echo-server")
        .cargo_test("fixed")
        .is("echo-server/fixed");
}

#[test]
fn a_warning_lets_leaky_tests_pass() {
    let seen = Project::new("echo-server")
        .env("TASKLEAK", "warn")
        .cargo_test("leaky");
    seen.exits_with(0).shows("3 passed");
}

#[test]
fn switched_off_it_finds_nothing() {
    let seen = Project::new("echo-server")
        .env("TASKLEAK", "off")
        .cargo_test("leaky");
    seen.exits_with(0).shows("3 passed").hides("taskleak:");
}

#[test]
fn a_bad_variable_is_named() {
    let seen = Project::new("echo-server")
        .env("TASKLEAK_GRACE", "soon")
        .cargo_test("fixed");
    seen.exits_with(101).shows("TASKLEAK_GRACE").shows("soon");
}
