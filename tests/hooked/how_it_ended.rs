//! How a task ended, a hook is not told: that it ended is all that is said, or that its runtime did.

use super::*;
use taskleak::manager::Counts;

/// Of all tasks that this file has spawned by plain tokio.
fn counts() -> Counts {
    let snapshot = taskleak::manager().snapshot();
    let names = snapshot.names().iter();
    let mut sum = Counts::default();
    for name in names.filter(|name| name.name().contains("how_it_ended.rs")) {
        sum += name.counts();
    }
    sum
}

#[test]
fn whatever_ends_while_the_runtime_goes_on_counts_as_finished() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        tokio::spawn(async {}).await.unwrap();
        let panics = tokio::spawn(async { panic!("planned") });
        assert!(panics.await.unwrap_err().is_panic());
        let aborted = tokio::spawn(pending::<()>());
        tokio::task::yield_now().await;
        aborted.abort();
        assert!(aborted.await.unwrap_err().is_cancelled());
    });
    let ended = counts();
    assert_eq!((ended.started, ended.finished), (3, 3), "{ended:?}");
    assert_eq!((ended.panicked, ended.aborted, ended.shut_down), (0, 0, 0));
    // Its own end is told.
    runtime.block_on(async {
        tokio::spawn(pending::<()>());
        tokio::task::yield_now().await;
    });
    drop(runtime);
    let ended = counts();
    assert_eq!((ended.finished, ended.shut_down), (3, 1), "{ended:?}");
}
