//! What is said by who has the task's wakers, or the thread that it needs.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use taskleak::task::Builder;
use taskleak::{Liveness, Track, WaitsFor, verify_none};
use tokio::sync::{mpsc, oneshot};

use super::{HOUR, leak, report_of};

/// Keeps the first waker that it is polled with.
async fn waits_with_its_first_waker(place: Arc<Mutex<Option<Waker>>>) {
    let mut is_new = true;
    poll_fn(|cx| {
        if std::mem::take(&mut is_new) {
            *place.lock().unwrap() = Some(cx.waker().clone());
        }
        Poll::<()>::Pending
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_keeps_an_earlier_waker_may_use_it() {
    let guard = verify_none();
    let place = Arc::new(Mutex::new(None));
    let task = Builder::new().name("waits");
    let task = task.spawn(waits_with_its_first_waker(place.clone()));
    let report = report_of("waits", |leak| leak.liveness() == Liveness::Wakeable);
    let cause = leak(&report, "waits").cause().unwrap();
    assert!(
        cause.contains("somebody keeps an earlier waker of it"),
        "{report}"
    );
    // The twin: nobody does.
    *place.lock().unwrap() = None;
    let report = report_of("waits", |leak| leak.liveness() == Liveness::Orphan);
    let cause = leak(&report, "waits").cause().unwrap();
    assert!(cause.contains("nothing that could ever happen"), "{report}");
    task.abort();
    guard.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_waker_that_is_taken_on_another_thread_is_not_overlooked() {
    let guard = verify_none();
    let mut kept = Vec::new();
    let elsewhere = poll_fn(move |cx| {
        let waker = cx.waker();
        kept.push(std::thread::scope(|scope| {
            let other = scope.spawn(|| waker.clone());
            other.join().unwrap()
        }));
        Poll::<()>::Pending
    });
    let task = Builder::new().name("elsewhere").spawn(elsewhere);
    let report = report_of("elsewhere", |leak| leak.await_trace().is_some());
    let leak = leak(&report, "elsewhere");
    assert_ne!(leak.waits_for(), Some(WaitsFor::Pending), "{report}");
    assert!(!report.to_string().contains("nothing that"), "{report}");
    task.abort();
    guard.finish().await;
}

#[test]
fn who_waits_for_a_thread_of_the_blocking_pool_is_told_who_has_them() {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(1)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let guard = verify_none();
    let (end, ended) = std_mpsc::channel::<()>();
    let (begins, begun) = std_mpsc::channel();
    {
        let _entered = runtime.enter();
        let holds = move || {
            begins.send(()).unwrap();
            _ = ended.recv();
        };
        drop(Builder::new().name("holds").spawn_blocking(holds));
        begun.recv().unwrap();
        drop(Builder::new().name("queued").spawn_blocking(|| ()));
    }
    let report = report_of("queued", |_| true);
    let queued = leak(&report, "queued");
    assert_eq!(queued.waits_for(), Some(WaitsFor::NeverPolled));
    let cause = queued.cause().unwrap();
    assert_eq!(
        cause,
        "a thread of the blocking pool: all are taken, by `holds`"
    );
    assert!(queued.help().unwrap().contains("max_blocking_threads"));
    // The twin.
    let holds = leak(&report, "holds").cause().unwrap();
    assert!(
        holds.contains("it holds a thread of the blocking pool"),
        "{report}"
    );
    drop(end);
    guard.grace(HOUR).finish_blocking();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_future_that_nobody_can_wake_is_not_said_to_have_been_woken() {
    let guard = verify_none();
    let (sender, receiver) = oneshot::channel::<()>();
    let future = async { drop(receiver.await) };
    let plain = tokio::spawn(future.tracked_as("given away"));
    let task = Builder::new().name("spawned").spawn(pending::<()>());
    let report = report_of("given away", |leak| leak.tasks()[0].polls() > 0);
    let given_away = leak(&report, "given away");
    assert!(given_away.await_trace().is_none());
    let text = report.to_string();
    assert!(text.contains("so nobody can wake it to ask"), "{text}");
    assert!(!text.contains("did not poll it in time"), "{text}");
    task.abort();
    drop(sender);
    plain.await.unwrap();
    guard.finish().await;
}

/// A service's dump is of tasks that are well.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_dump_has_causes_and_no_help() {
    let guard = verify_none();
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let task = Builder::new().name("service").spawn(async move {
        receiver.recv().await;
    });
    let report = report_of("service", |leak| leak.waits_for().is_some());
    assert!(
        report.to_string().contains("= help: drop every sender"),
        "{report}"
    );
    let dump = taskleak::dump().await.to_string();
    assert!(dump.contains("= waits for: a message"), "{dump}");
    assert!(!dump.contains("= help"), "{dump}");
    drop(sender);
    task.await.unwrap();
    guard.finish().await;
}
