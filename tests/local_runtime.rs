//! Tasks of a `LocalRuntime`, which counts its local tasks among the alive ones.

use std::future::pending;
use std::time::Duration;

use taskleak::task::{Builder, spawn_local};
use taskleak::{Options, find, leak_test, verify_none};
use tokio::runtime::LocalRuntime;
use tokio::task::LocalSet;

const GRACE: Duration = Duration::from_millis(50);

fn local_runtime() -> LocalRuntime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap()
}

/// How many tracked tasks and how many others a guard finds that is opened inside the runtime.
async fn found(spawn: impl FnOnce()) -> Option<(usize, usize)> {
    let guard = verify_none().grace(GRACE).on_leak(taskleak::Action::Warn);
    spawn();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let report = find(Options::new().grace(GRACE)).err();
    guard.finish().await;
    report.map(|report| (report.task_count(), report.unseen_count()))
}

#[test]
fn a_tracked_one_is_found_once() {
    let runtime = local_runtime();
    let found = runtime.block_on(found(|| drop(spawn_local(pending::<()>()))));
    assert_eq!(found, Some((1, 0)));
}

#[test]
fn a_tolerated_one_is_no_leak() {
    local_runtime().block_on(async {
        let guard = verify_none().grace(GRACE);
        Builder::new().background().spawn_local(pending::<()>());
        guard.finish().await;
    });
}

#[test]
fn one_that_ends_is_no_leak() {
    local_runtime().block_on(async {
        let guard = verify_none().grace(GRACE);
        for _ in 0..10 {
            spawn_local(async { tokio::task::yield_now().await });
        }
        drop(spawn_local(async {}));
        guard.finish().await;
    });
}

/// A set inside the runtime has its own list, which nobody counts.
#[test]
fn one_of_a_set_inside_is_found_once() {
    let runtime = local_runtime();
    let set = LocalSet::new();
    let found = set.run_until(found(|| drop(spawn_local(pending::<()>()))));
    assert_eq!(runtime.block_on(found), Some((1, 0)));
}

/// What nobody tracked is counted there, unlike in a `LocalSet`.
#[test]
fn a_plain_one_is_counted() {
    let plain = || drop(tokio::task::spawn_local(pending::<()>()));
    let leaks = std::panic::catch_unwind(|| {
        local_runtime().block_on(async {
            let guard = verify_none().grace(GRACE);
            plain();
            guard.finish().await;
        });
    });
    assert!(leaks.is_err());
    let leaks = std::panic::catch_unwind(|| {
        let harness = taskleak::__private::Harness::new("crate::test").grace(GRACE);
        harness.local().run(async { plain() });
    });
    let report = *leaks.unwrap_err().downcast::<String>().unwrap();
    assert!(report.contains("1 task outlived `test`"), "{report}");
}

#[test]
fn beside_a_plain_one_that_ends() {
    let runtime = local_runtime();
    let found = runtime.block_on(found(|| {
        drop(spawn_local(pending::<()>()));
        drop(tokio::task::spawn_local(async {}));
        drop(taskleak::spawn(async {}));
    }));
    assert_eq!(found, Some((1, 0)));
}

#[leak_test(flavor = "local")]
async fn in_a_leak_test() {
    spawn_local(async {}).await.unwrap();
    tokio::task::spawn_local(async {}).await.unwrap();
    Builder::new().background().spawn_local(pending::<()>());
}
