//! Values of other types and beyond their bounds.
use taskleak::leak_test;

#[leak_test(background = "yes")]
async fn background() {}

#[leak_test(flavor = "single_thread")]
async fn old_flavor() {}

#[leak_test(flavor = "threaded_scheduler")]
async fn older_flavor() {}

#[leak_test(flavor = "many")]
async fn no_flavor() {}

#[leak_test(flavor = multi_thread)]
async fn flavor_without_quotes() {}

#[leak_test(flavor = "multi_thread", worker_threads = 0)]
async fn no_workers() {}

#[leak_test(flavor = "multi_thread", worker_threads = "2")]
async fn workers_in_quotes() {}

#[leak_test(start_paused = 1)]
async fn paused_by_a_number() {}

#[leak_test(unhandled_panic = "abort")]
async fn unknown_behaviour() {}

#[leak_test(name = 5)]
async fn name_of_another_type() {}

#[leak_test(crate = taskleak)]
async fn crate_without_quotes() {}

#[leak_test(crate = "task leak")]
async fn crate_that_is_no_path() {}

fn main() {}
