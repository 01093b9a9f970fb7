//! Bodies that fit into a test's stack of 2 MiB, but not many times: in all the ways that a body is run.

use std::hint::black_box;
use std::time::Duration;
use taskleak::leak_test;

const LARGE: usize = 512 * 1024;

/// A buffer that a body holds while it waits.
macro_rules! large {
    () => {
        let buffer = [0_u8; LARGE];
        tokio::task::yield_now().await;
        assert_eq!(black_box(&buffer).len(), LARGE);
    };
}

#[leak_test]
async fn whole_test() {
    large!();
}

#[leak_test(flavor = "multi_thread", timeout = "1m")]
async fn with_a_timeout() -> std::io::Result<()> {
    large!();
    Ok(())
}

#[leak_test]
#[tokio::test(start_paused = true)]
async fn in_place_of_tokios() {
    large!();
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[taskleak_tokio::test]
async fn of_the_facade() {
    large!();
}

#[leak_test(grace = "10ms")]
#[should_panic(expected = "stranded")]
async fn that_leaks() {
    large!();
    taskleak::task::Builder::new()
        .name("stranded")
        .spawn(std::future::pending::<()>());
}

#[leak_test]
#[actix_rt::test]
async fn wrapped() {
    large!();
}
