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

/// What a test leaves that panicked is looked at only if that is asked for.
#[test]
fn a_test_that_panicked_is_checked_if_that_is_asked_for() {
    let seen = Project::new("verify-main")
        .env("TASKLEAK_RUN_ON_FAILURE", "1")
        .cargo_test("clean");
    seen.exits_with(101)
        .shows("1 task outlived `panics_beside_its_task`");
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

#[test]
fn what_nobody_tracked_fails_the_run_and_has_its_name() {
    Project::new("verify-main")
        .cargo_test("unseen")
        .is("verify-main/unseen");
}

#[test]
fn what_nobody_tracked_has_its_name_without_the_allocator() {
    Project::new("verify-main")
        .cargo_test("unseen_without_allocator")
        .is("verify-main/unseen_without_allocator");
}

#[test]
fn what_cannot_be_named_is_counted_with_the_reason() {
    Project::new("verify-main")
        .env("CARGO_PROFILE_DEV_STRIP", "symbols")
        .cargo_test("unseen_without_allocator")
        .exits_with(101)
        .shows("1 task is alive that taskleak did not see spawned.")
        .shows("they have no names here: the binary is stripped; set");
}

#[test]
fn what_nobody_tracked_and_may_live_or_has_ended_passes() {
    Project::new("verify-main")
        .cargo_test("unseen_fixed")
        .is("verify-main/unseen_fixed");
}
