//! What is proved: tasks that wait for ends that never come.

use super::{report, report_that_says, report_where, said};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use taskleak::task::{Builder, LocalSet};
use taskleak::{Action, LeakReport, verify_none};
use tokio::runtime::{Handle, Runtime};
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
    let are_proved =
        |report: &LeakReport| is_proved(report, "supervisor") && is_proved(report, "main");
    let report = report_where(are_proved);
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
    let report = report_that_says(1);
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
    let report = report_where(|report| is_proved(report, "one") && is_proved(report, "two"));
    assert!(is_proved(&report, "one"), "{report}");
    assert!(is_proved(&report, "two"), "{report}");
    drop(guard.on_leak(Action::Warn));
}

fn another_runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).build().unwrap()
}

/// Starts an orphan on one runtime and who joins it on another.
fn spawn_on(service: &Handle, supervisor: &Handle) -> JoinHandle<()> {
    let spawn = |name, on: &Handle, future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        Builder::new().name(name).spawn_on(future, on)
    };
    let service = spawn("service", service, Box::pin(pending()));
    let joins = async { drop(service.await) };
    spawn("supervisor", supervisor, Box::pin(joins))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_an_orphan_of_another_runtime_runs_when_that_is_shut_down() {
    let guard = verify_none();
    let other = another_runtime();
    let supervisor = spawn_on(other.handle(), &Handle::current());
    let report = report();
    assert!(!is_proved(&report, "supervisor"), "{report}");
    let mut leaks = report.leaks().iter();
    let leak = leaks.find(|leak| leak.name() == "supervisor").unwrap();
    let owners: Vec<_> = leak.owners().iter().map(|owner| owner.name()).collect();
    assert_eq!(owners, ["service"], "{report}");
    other.shutdown_background();
    supervisor.await.unwrap();
    guard.finish().await;
}

/// The twin: their runtime takes both with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_joins_an_orphan_of_its_own_runtime_does_not() {
    let guard = verify_none();
    let other = another_runtime();
    let supervisor = spawn_on(other.handle(), other.handle());
    let report = report();
    assert!(is_proved(&report, "supervisor"), "{report}");
    other.shutdown_background();
    assert!(supervisor.await.unwrap_err().is_cancelled());
    guard.finish().await;
}

/// An orphan of a `LocalSet`, which has been polled.
async fn local_service(local: &LocalSet) -> JoinHandle<()> {
    let service = Builder::new().name("service");
    let service = service.spawn_local_on(pending(), local);
    local.run_until(tokio::task::yield_now()).await;
    service
}

#[tokio::test]
async fn who_joins_an_orphan_of_a_local_set_runs_when_that_is_dropped() {
    let guard = verify_none();
    let (local, its_own) = (LocalSet::new(), LocalSet::new());
    let service = local_service(&local).await;
    let supervisor = spawn("supervisor", async { drop(service.await) });
    let service = local_service(&local).await;
    let among = Builder::new().name("of another set");
    let among = among.spawn_local_on(async { drop(service.await) }, &its_own);
    its_own.run_until(tokio::task::yield_now()).await;
    let report = report();
    assert!(!is_proved(&report, "supervisor"), "{report}");
    assert!(!is_proved(&report, "of another set"), "{report}");
    drop(local);
    supervisor.await.unwrap();
    its_own.run_until(among).await.unwrap();
    guard.finish().await;
}

/// The twin.
#[tokio::test]
async fn who_joins_an_orphan_of_its_own_local_set_does_not() {
    let guard = verify_none();
    let local = LocalSet::new();
    let service = local_service(&local).await;
    let supervisor = Builder::new().name("supervisor");
    let supervisor = supervisor.spawn_local_on(async { drop(service.await) }, &local);
    local.run_until(tokio::task::yield_now()).await;
    let report = report();
    assert!(is_proved(&report, "supervisor"), "{report}");
    drop(local);
    assert!(supervisor.await.unwrap_err().is_cancelled());
    guard.finish().await;
}
