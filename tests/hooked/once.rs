//! A task that is known in two ways is one task.

use super::*;

/// A tracked task is seen by the hook too, and is one task.
#[test]
fn a_tracked_task() {
    for report in reports(|| async {
        taskleak::spawn(pending::<()>());
        let mut set = taskleak::task::JoinSet::new();
        set.spawn(pending::<()>());
        std::mem::forget(set);
    }) {
        assert_named(&report.expect("it leaks"), "2 tasks");
    }
}

#[test]
fn a_marked_future_is_its_task() {
    for report in reports(|| async {
        tokio::spawn(pending::<()>().tracked_as("marked"));
        tokio::spawn(pending::<()>().tracked_as(format!("marked {}", 2)));
        tokio::spawn(async {
            let part = tokio::task::yield_now().tracked_as("part");
            part.await;
            pending::<()>().tracked_as("no other task").await;
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }) {
        let report = report.expect("all leak");
        assert_named(&report, "3 tasks");
        for name in ["`marked`", "`marked 2`", "`part`"] {
            assert!(report.contains(name), "{report}");
        }
    }
    assert_clean(|| async {
        tokio::spawn(async {}.tracked_as("marked"));
        drop(pending::<()>().tracked_as("never spawned"));
    });
}

/// A marked future belongs to the scope where it was marked, wherever it is spawned.
#[test]
fn a_marked_future_moves_to_its_scope() {
    let runtime = thread::spawn(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    });
    let runtime = runtime.join().unwrap();
    let test = |grace, future: fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        report_of(|| {
            let _guard = verify_none().grace(grace);
            let marked = future().tracked_as("marked");
            let handle = runtime.handle().clone();
            thread::spawn(move || handle.spawn(marked)).join().unwrap();
        })
    };
    let report = test(GRACE, || Box::pin(pending())).expect("it leaks");
    assert_named(&report, "1 task");
    assert!(report.contains("`marked`"), "{report}");
    assert_eq!(test(LONG, || Box::pin(async {})), None);
}

#[test]
fn a_task_that_opens_a_guard() {
    for report in reports(|| async {
        let task = tokio::spawn(async {
            let inner = verify_none().grace(LONG);
            tokio::spawn(pending::<()>()).abort();
            inner.finish().await;
            let inner = verify_none().grace(GRACE);
            tokio::spawn(pending::<()>());
            let failed = tokio::spawn(inner.finish());
            failed.await.unwrap_err();
        });
        task.await.unwrap();
    }) {
        assert_eq!(report, None, "the inner guard has judged it");
    }
}
