//! Arguments that cannot go together.
use taskleak::leak_test;

#[leak_test(worker_threads = 2)]
async fn workers_by_default() {}

#[leak_test(flavor = "current_thread", worker_threads = 2)]
async fn workers_on_one_thread() {}

#[leak_test(flavor = "local", worker_threads = 2)]
async fn workers_on_a_local_runtime() {}

#[leak_test(flavor = "multi_thread", start_paused = true)]
async fn paused_on_many_threads() {}

#[leak_test(flavor = "multi_thread", unhandled_panic = "ignore")]
async fn panics_on_many_threads() {}

#[leak_test(flavor = "current_thread")]
#[tokio::test(flavor = "multi_thread")]
async fn two_flavors() {}

#[leak_test(worker_threads = 2)]
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn two_counts() {}

#[leak_test(start_paused = true)]
#[tokio::test(flavor = "multi_thread")]
async fn together_with_tokios() {}

fn main() {}
