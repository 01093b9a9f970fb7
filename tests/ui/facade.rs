//! The façade's attributes, which take what tokio's take.
extern crate taskleak_tokio as tokio;

#[tokio::test]
fn sync() {}

#[tokio::test(grace = "1s")]
async fn argument_of_another_attribute() {}

#[tokio::test(patience = "1s")]
async fn unknown_argument() {}

#[tokio::test(worker_threads = 2)]
async fn workers_by_default() {}

#[tokio::test(flavor = "multi_thread", start_paused = true)]
async fn paused_on_many_threads() {}

#[tokio::test]
#[test]
async fn above_test() {}

#[tokio::test]
#[tokio::test]
async fn twice() {}

#[tokio::test]
#[taskleak::leak_test]
async fn above_leak_test() {}

#[tokio::test]
async fn with_an_argument(number: u32) {}

#[tokio::test]
struct NoFunction;

#[tokio::main(start_paused = true)]
async fn paused_by_default() {}

#[tokio::main]
fn main() {}
