//! Tasks that nobody tracked: what a plain `tokio::spawn` leaves behind is known by the runtime's count.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use taskleak::{Options, Track, find, leak_test, verify_none};
use tokio::runtime::Runtime;

const GRACE: Duration = Duration::from_millis(60);

/// The report that something failed with; nothing if it did not fail.
fn report_of(test: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*panic.downcast::<String>().expect("a report is text"))
}

#[track_caller]
fn assert_unseen(report: Option<String>, count: &str) {
    let report = report.expect("it is reported");
    let line = format!("{count} alive that taskleak did not see spawned.");
    assert!(report.lines().any(|found| found == line), "{report}");
}

fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

mod leaks {
    use super::*;
    use taskleak::__private::Harness;

    async fn three() {
        for _ in 0..3 {
            tokio::spawn(pending::<()>());
        }
        tokio::task::yield_now().await;
    }

    #[test]
    #[cfg_attr(
        tokio_unstable,
        ignore = "they are seen by the runtime's hooks: tests/hooked"
    )]
    fn in_a_leak_test() {
        let harness = || Harness::new("crate::test").grace(GRACE);
        let report = report_of(|| harness().current_thread().run(three()));
        assert_unseen(report, "3 tasks are");
        let report = report_of(|| harness().multi_thread().run(three()));
        assert_unseen(report, "3 tasks are");
    }

    #[test]
    fn by_a_guard_that_is_finished() {
        let finished = || async {
            let guard = verify_none().grace(GRACE);
            three().await;
            guard.finish().await;
        };
        let report = report_of(|| current_thread().block_on(finished()));
        assert_unseen(report, "3 tasks are");
        let report = report_of(|| multi_thread().block_on(finished()));
        assert_unseen(report, "3 tasks are");
    }

    #[test]
    fn by_a_guard_that_is_dropped_beside_workers() {
        let report = report_of(|| {
            multi_thread().block_on(async {
                let _guard = verify_none().grace(GRACE);
                three().await;
            });
        });
        assert_unseen(report, "3 tasks are");
    }

    #[test]
    #[cfg_attr(
        tokio_unstable,
        ignore = "they are seen by the runtime's hooks: tests/hooked"
    )]
    fn by_a_guard_around_a_runtime_that_taskleak_built() {
        let (guard, runtime) = (
            verify_none().grace(GRACE),
            taskleak::runtime::Runtime::new().unwrap(),
        );
        runtime.block_on(three());
        assert_unseen(report_of(|| drop(guard)), "3 tasks are");
    }

    #[test]
    #[cfg_attr(
        tokio_unstable,
        ignore = "they are seen by the runtime's hooks: tests/hooked"
    )]
    fn beside_tracked_ones() {
        let report = report_of(|| {
            let harness = Harness::new("crate::test").grace(GRACE).multi_thread();
            harness.run(async {
                taskleak::spawn(pending::<()>());
                tokio::spawn(pending::<()>().tracked_as("marked"));
                tokio::spawn(pending::<()>());
                tokio::time::sleep(Duration::from_millis(5)).await;
            });
        });
        let report = report.unwrap();
        assert!(report.starts_with("taskleak: 3 tasks outlived"), "{report}");
        assert!(report.contains("`marked`"), "{report}");
        assert_unseen(Some(report), "1 more task is");
    }

    /// Nothing can tell a task that is about to end from a leak there.
    #[test]
    fn but_are_only_noted_where_there_was_no_grace() {
        let report = report_of(|| {
            current_thread().block_on(async {
                let _guard = verify_none();
                three().await;
            });
        });
        assert_eq!(report, None);
    }
}

mod no_leaks {
    use super::*;

    #[leak_test(grace = "60s")]
    async fn ends_within_the_grace() {
        tokio::spawn(tokio::time::sleep(Duration::from_millis(20)));
    }

    #[leak_test(flavor = "multi_thread", grace = "60s")]
    async fn ends_within_the_grace_on_workers() {
        tokio::spawn(tokio::time::sleep(Duration::from_millis(20)));
    }

    /// A runtime counts a task's end late: about every fourth is still alive after its join.
    #[test]
    fn the_count_is_late() {
        let runtime = multi_thread();
        for _ in 0..200 {
            runtime.block_on(async {
                let guard = verify_none().grace(Duration::ZERO);
                tokio::spawn(async {}).await.unwrap();
                taskleak::spawn(async {}).await.unwrap();
                drop(guard);
            });
        }
        for turn in 0..200 {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .build()
                .unwrap();
            runtime.block_on(async {
                let guard = verify_none();
                tokio::spawn(async {}).await.unwrap();
                taskleak::spawn(async {}).await.unwrap();
                if turn % 2 == 0 {
                    guard.finish().await;
                }
            });
        }
    }

    #[test]
    fn the_tracked_are_not_counted_again() {
        let report = report_of(|| {
            multi_thread().block_on(async {
                let guard = verify_none();
                for _ in 0..5 {
                    taskleak::spawn(pending::<()>());
                    tokio::spawn(pending::<()>().tracked());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                let report = find(Options::new().grace(GRACE)).unwrap_err();
                assert_eq!((report.task_count(), report.unseen_count()), (10, 0));
                guard.grace(GRACE).finish().await;
            });
        });
        assert!(!report.unwrap().contains("did not see"));
    }

    /// Of a runtime's tasks, those are not counted that are tracked and no leak, either.
    #[leak_test(flavor = "multi_thread", grace = "60s", ignore = "reaper")]
    async fn tolerated_ones_are_not_counted() {
        let background = taskleak::task::Builder::new().background();
        background.spawn(pending::<()>());
        let ignored = taskleak::task::Builder::new().name("reaper");
        ignored.spawn(pending::<()>());
        taskleak::task::spawn_blocking(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_there_before() {
        let before = tokio::spawn(pending::<()>());
        let guard = verify_none().grace(GRACE);
        taskleak::spawn(async {}).await.unwrap();
        guard.finish().await;
        before.abort();
    }

    /// Two tests on one runtime: what one of them does not track is not the other's.
    #[test]
    fn another_test_s_on_the_same_runtime() {
        let runtime = multi_thread();
        let (one, other) = (verify_none(), runtime.handle().clone());
        runtime.block_on(async {
            let within = verify_none().grace(GRACE);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    other.block_on(async {
                        let its_own = verify_none().grace(GRACE);
                        tokio::spawn(pending::<()>());
                        its_own.finish().await;
                    })
                });
            });
            within.finish().await;
        });
        one.finish_blocking();
    }

    /// The same on two runtimes.
    #[test]
    fn another_test_s_runtime() {
        let other = multi_thread();
        drop(other.spawn(pending::<()>()));
        multi_thread().block_on(async {
            let guard = verify_none().grace(GRACE);
            let theirs = other.spawn(pending::<()>());
            guard.finish().await;
            theirs.abort();
        });
    }
}
