//! Threads that tests leave running.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod projects;

use projects::Project;

#[test]
fn left_by_a_test() {
    Project::new("leaky-threads")
        .cargo_test("leaky")
        .is("leaky-threads/leaky");
}

#[test]
fn that_end_with_their_test() {
    Project::new("leaky-threads")
        .cargo_test("fixed")
        .is("leaky-threads/fixed");
}

#[test]
fn in_a_process_each() {
    if let Some(seen) = Project::new("leaky-threads").nextest("leaky") {
        seen.exits_with(100)
            .shows("leaked thread: `uploads`")
            .shows("3 leaked threads: `thumbnails`");
    }
    if let Some(seen) = Project::new("leaky-threads").nextest("fixed") {
        seen.exits_with(0);
    }
}
