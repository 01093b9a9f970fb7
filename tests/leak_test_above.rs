//! `#[leak_test]` above and below the attributes that run tests.
#![deny(warnings)]

use taskleak::leak_test;
use tokio::runtime::{Handle, RuntimeFlavor};

#[leak_test]
#[tokio::test]
async fn takes_the_place_of_tokios() {
    taskleak::spawn(async {}).await.unwrap();
}

#[leak_test(grace = "2s")]
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn with_the_arguments_of_tokios() -> Result<(), tokio::task::JoinError> {
    assert_eq!(Handle::current().metrics().num_workers(), 3);
    taskleak::spawn(async {}).await
}

#[leak_test(flavor = "multi_thread")]
#[::tokio::test(worker_threads = 2, flavor = "multi_thread")]
async fn with_arguments_of_both() {
    assert_eq!(Handle::current().metrics().num_workers(), 2);
}

#[leak_test]
#[tokio::test(crate = "tokio", start_paused = true)]
async fn with_a_path_to_tokio() {
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
}

#[leak_test]
#[taskleak_tokio::test(flavor = "multi_thread")]
async fn above_the_facades() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
}

mod in_place_of_tokio {
    use taskleak_tokio as tokio;

    #[taskleak::leak_test(timeout = "1m")]
    #[tokio::test]
    async fn above_the_facades_by_tokios_name() {}
}

#[leak_test]
/// A comment between them.
#[should_panic(expected = "as it should")]
#[tokio::test]
#[allow(clippy::unused_async)]
async fn with_others_between() {
    panic!("as it should");
}

#[leak_test]
#[cfg_attr(all(), tokio::test(flavor = "multi_thread"))]
async fn above_a_condition() {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
}

#[cfg_attr(all(), leak_test)]
#[cfg_attr(any(), ignore)]
async fn behind_a_condition() {}

mod imported {
    use taskleak::leak_test;
    use tokio::test;

    #[leak_test]
    #[test]
    async fn wraps_an_attribute_of_an_unknown_origin() {}
}

#[leak_test]
#[test_log::test]
async fn wraps_test_log() {
    taskleak::spawn(async {}).await.unwrap();
}

#[leak_test(grace = "2s")]
#[test_log::test(tokio::test(flavor = "multi_thread"))]
async fn wraps_test_log_around_tokio() -> Result<(), tokio::task::JoinError> {
    assert_eq!(
        Handle::current().runtime_flavor(),
        RuntimeFlavor::MultiThread
    );
    taskleak::spawn(async {}).await
}

#[leak_test]
#[tokio::test]
#[test_log::test]
async fn above_tokio_above_test_log() {}

#[test_log::test]
#[leak_test]
fn below_test_log_if_it_was_sync_all_along() {
    assert!(Handle::try_current().is_err());
}

#[leak_test]
#[actix_rt::test]
async fn wraps_actix() {
    let here = std::rc::Rc::new(1);
    assert_eq!(
        taskleak::task::spawn_local(async move { *here })
            .await
            .unwrap(),
        1
    );
}

#[leak_test]
#[test_attributes::block_on_test]
async fn wraps_a_test_that_keeps_the_braces() {}

/// Ends its task when it is dropped.
#[derive(Default)]
struct Pool(Option<tokio::task::AbortHandle>);

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}

#[leak_test]
#[test_attributes::pool_test]
async fn wraps_a_test_with_arguments(mut pool: Pool, (one, _): (u32, u32), _: Vec<u32>) {
    // Dropped before the verdict, which would find the task otherwise.
    pool.0 = Some(taskleak::spawn(std::future::pending::<()>()).abort_handle());
    assert_eq!(one, 0);
}

#[leak_test]
#[test_attributes::pool_test]
async fn wraps_a_test_with_an_output(_pool: Pool) -> Result<(), String> {
    Ok(())
}

#[leak_test]
fn sync() {
    assert!(Handle::try_current().is_err());
}

#[leak_test(grace = "10ms", ignore = "a*", background = false)]
#[test]
fn sync_above_test() -> Result<(), std::num::ParseIntError> {
    let one: u32 = "1".parse()?;
    if one == 1 {
        return Ok(());
    }
    unreachable!()
}

#[test]
#[leak_test]
fn sync_below_test() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { taskleak::spawn(async {}).await.unwrap() });
}

#[test] // A comment here,
#[ignore = "attributes in between"]
/* one here */
// and one here.
#[leak_test]
fn sync_far_below_test() {}

#[test_attributes::bare_test]
#[leak_test]
fn sync_below_another_test_attribute() {}

#[leak_test]
#[test_attributes::bare_test]
fn sync_above_another_test_attribute() {}

#[leak_test]
#[should_panic(expected = "as it should")]
fn sync_that_panics() {
    panic!("as it should");
}

#[leak_test]
fn sync_with_an_opaque_output() -> impl std::process::Termination {
    std::process::ExitCode::SUCCESS
}

/// libtest's own list of this binary: a test that was made twice, or not at all, shows there and nowhere else.
#[test]
fn each_is_one_test() {
    support::assert_listed_once(include_str!("leak_test_above.rs"), &[], &[]);
}

mod support;
