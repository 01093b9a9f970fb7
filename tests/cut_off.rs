//! Guards and tests that are cut off, and tasks that pull the ground from under themselves.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use taskleak::__private::Harness;
use taskleak::{Options, find, verify_none};

const GRACE: Duration = Duration::from_millis(50);

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// The guard is the only one to poll the task, which drops the last handle of its own runtime.
#[test]
fn a_task_that_owns_its_runtime() {
    let runtime = Arc::new(current_thread());
    let guard = verify_none();
    let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(1);
    let own = runtime.clone();
    let task = async move {
        stopped.recv().await;
        drop(own);
    };
    taskleak::task::Builder::new().spawn_on(task, runtime.handle());
    runtime.block_on(tokio::task::yield_now());
    drop(stop);
    drop(runtime);
    guard.finish_blocking();
}

/// Polled once and dropped, as by a runner's timeout: later guards on this thread are not its own.
#[test]
fn a_wrapped_test_that_is_dropped_midway() {
    current_thread().block_on(async {
        let body = Box::pin(pending::<()>());
        let mut wrapped = Box::pin(Harness::new("t::cut_off").wrap(body, drop));
        let waker = Waker::noop();
        assert!(
            wrapped
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    });
    let leaking = || {
        current_thread().block_on(async {
            let _guard = verify_none().grace(GRACE);
            taskleak::spawn(pending::<()>());
            tokio::task::yield_now().await;
        });
    };
    assert!(catch_unwind(leaking).is_err());
}

/// What the body returned does not hide that its tasks leaked.
#[test]
fn an_error_and_a_leak() {
    let test = || {
        let body = Box::pin(async {
            taskleak::spawn(pending::<()>());
            Err::<(), _>("connection refused")
        });
        Harness::new("t::fails").grace(GRACE).test(body)
    };
    let panic = catch_unwind(test).unwrap_err();
    let report = panic.downcast_ref::<String>().unwrap();
    assert!(
        report.starts_with("taskleak: 1 task outlived `fails`"),
        "{report}"
    );
}

/// A task that wakes itself for ever does not keep a guard beyond its grace.
#[test]
fn a_busy_task_in_a_drain() {
    let leaking = AssertUnwindSafe(|| {
        current_thread().block_on(async {
            let _guard = verify_none().grace(GRACE);
            taskleak::spawn(std::future::poll_fn::<(), _>(|cx| {
                std::thread::sleep(Duration::from_micros(500));
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }));
        });
    });
    assert!(catch_unwind(leaking).is_err());
}

/// `find` inside a test that taskleak runs lets aborted tasks end as a guard would.
#[test]
fn an_abort_before_find() {
    Harness::new("t::finds").run(async {
        let task = taskleak::spawn(pending::<()>());
        tokio::task::yield_now().await;
        task.abort();
        find(Options::new()).unwrap();
    });
}

#[test]
fn a_panicking_rule_tolerates_nothing() {
    let leaking = || {
        current_thread().block_on(async {
            let guard = verify_none()
                .grace(GRACE)
                .ignore_if(|_| panic!("a bad rule"));
            taskleak::spawn(pending::<()>());
            guard.finish().await;
        });
    };
    assert!(catch_unwind(leaking).is_err());
}
