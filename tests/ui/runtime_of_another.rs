//! Arguments about a runtime that `#[leak_test]` does not build.
use taskleak::leak_test;

#[leak_test(flavor = "multi_thread")]
#[actix_rt::test]
async fn on_a_runtime_of_actix() {}

#[leak_test(grace = "1s", worker_threads = 2)]
fn sync() {}

#[leak_test(start_paused = true)]
#[test]
fn plain() {}

fn main() {}
