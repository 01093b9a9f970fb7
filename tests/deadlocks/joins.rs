//! What is proved: tasks that wait for ends that never come.

use super::{report, said};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use taskleak::task::Builder;
use taskleak::{Action, LeakReport, verify_none};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

fn spawn(name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name).spawn(future)
}

fn is_proved(report: &LeakReport, name: &str) -> bool {
    let leak = report.leaks().iter().find(|leak| leak.name() == name);
    leak.unwrap_or_else(|| panic!("no {name} in {report}"))
        .is_proved_deadlocked()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_an_orphan_can_never_run_again() {
    let guard = verify_none();
    let service = spawn("service", pending());
    let supervisor = spawn("supervisor", async { drop(service.await) });
    spawn("main", async { drop(supervisor.await) });
    let report = report();
    assert!(is_proved(&report, "supervisor"), "{report}");
    assert!(is_proved(&report, "main"), "{report}");
    assert!(
        report
            .to_string()
            .contains("= proved: only the end of a task that can never run again"),
        "{report}"
    );
    drop(guard.on_leak(Action::Warn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_one_that_can_be_aborted_may_run_again() {
    let guard = verify_none();
    let service = spawn("service", pending());
    let abort = service.abort_handle();
    spawn("supervisor", async { drop(service.await) });
    let report = report();
    assert!(!is_proved(&report, "supervisor"), "{report}");
    abort.abort();
    guard.finish().await;
}

/// Joins by a handle that others may have too.
async fn joins(shared: Arc<Mutex<JoinHandle<()>>>) {
    let joined = poll_fn(|cx| Pin::new(&mut *shared.lock().unwrap()).poll(cx));
    drop(joined.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_by_a_shared_handle_may_run_again() {
    let guard = verify_none();
    let service = Arc::new(Mutex::new(spawn("service", pending())));
    spawn("joins", joins(service.clone()));
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    service.lock().unwrap().abort();
    guard.finish().await;
}

/// The twin. It is no proof, since an `Arc` could be anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_has_the_shared_handle_alone_is_likely_stuck() {
    let guard = verify_none();
    let service = Arc::new(Mutex::new(spawn("service", pending())));
    spawn("joins", joins(service));
    let report = report();
    assert_eq!(said(&report), 1, "{report}");
    assert!(!is_proved(&report, "joins"), "{report}");
    drop(guard.on_leak(Action::Warn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_gave_the_handle_away_is_not_proved() {
    let guard = verify_none();
    let mut service = spawn("service", pending());
    let (give, given) = tokio::sync::oneshot::channel();
    spawn("joins", async move {
        let once = poll_fn(|cx| {
            assert!(Pin::new(&mut service).poll(cx).is_pending());
            Poll::Ready(())
        });
        once.await;
        give.send(service).unwrap();
        pending().await
    });
    let service = given.await.unwrap();
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    service.abort();
    drop(guard.on_leak(Action::Warn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_a_set_that_others_have_may_run_again() {
    let guard = verify_none();
    let mut set = taskleak::task::JoinSet::new();
    set.spawn(pending::<()>());
    let set = Arc::new(Mutex::new(set));
    let shared = set.clone();
    spawn("joins", async move {
        let joined = poll_fn(|cx| shared.lock().unwrap().poll_join_next(cx));
        drop(joined.await);
    });
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    set.lock().unwrap().abort_all();
    guard.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_one_that_waits_for_something_is_not_proved() {
    let guard = verify_none();
    let notify = Arc::new(Notify::new());
    let inner = notify.clone();
    let service = spawn("service", async move { inner.notified().await });
    spawn("supervisor", async { drop(service.await) });
    let report = report();
    assert!(!is_proved(&report, "supervisor"), "{report}");
    notify.notify_one();
    guard.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_waits_for_something_else_too_is_not_proved() {
    let guard = verify_none();
    let notify = Arc::new(Notify::new());
    let inner = notify.clone();
    let service = spawn("service", pending());
    spawn("supervisor", async move {
        tokio::select! {
            _ = service => {}
            () = inner.notified() => {}
        }
    });
    let report = report();
    assert!(!is_proved(&report, "supervisor"), "{report}");
    notify.notify_one();
    tokio::task::yield_now().await;
    drop(guard.on_leak(Action::Warn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_that_join_each_other_can_never_run_again() {
    let guard = verify_none();
    let (give, given) = tokio::sync::oneshot::channel::<JoinHandle<()>>();
    let one = spawn("one", async move { drop(given.await.unwrap().await) });
    let two = spawn("two", async move { drop(one.await) });
    give.send(two).unwrap();
    let report = report();
    assert!(is_proved(&report, "one"), "{report}");
    assert!(is_proved(&report, "two"), "{report}");
    drop(guard.on_leak(Action::Warn));
}
