//! A task that a dependency spawned, by taskleak's allocator shown with its spawn backtrace.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod projects;

use projects::Project;

#[test]
fn leaked() {
    Project::new("dependency-task")
        .cargo_test("leaky")
        .is("dependency-task/leaky");
}

#[test]
fn that_ends_with_its_test() {
    Project::new("dependency-task")
        .cargo_test("fixed")
        .is("dependency-task/fixed");
}

#[test]
fn leaked_without_the_allocator() {
    Project::new("dependency-task")
        .cargo_test("without_allocator")
        .is("dependency-task/without_allocator");
}
