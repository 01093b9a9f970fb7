//! Tasks that nobody can wake are told from those that somebody can, and nobody waits for them.
//!
//! Nothing here is timed: where a verdict must come at once, the grace is an hour, and a guard that
//! waited for it would never be done.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use taskleak::task::Builder;
use taskleak::{Guard, LeakReport, Liveness, verify_none};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

const HOUR: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_millis(50);
/// What a task needs that is woken from elsewhere.
const SHORT: Duration = Duration::from_millis(15);

type Playing = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    static CASE: Cell<Option<fn() -> Playing>> = const { Cell::new(None) };
    static FOUND: Cell<Option<Found>> = const { Cell::new(None) };
}

type Found = Arc<Mutex<Option<LeakReport>>>;

fn body() -> Playing {
    CASE.get().expect("a case is being played")()
}

/// A guard that tells what it found, and gives this grace.
fn guard(grace: Duration) -> Guard {
    let found = FOUND.take().expect("a case is being played");
    FOUND.set(Some(found.clone()));
    verify_none()
        .grace(grace)
        .cleanup(move |report| *found.lock().unwrap() = Some(report.clone()))
}

/// Plays a case in a row; what the guard found.
fn play(row: fn(), case: fn() -> Playing) -> LeakReport {
    let found = Found::default();
    CASE.set(Some(case));
    FOUND.set(Some(found.clone()));
    let _ = catch_unwind(row);
    let report = found.lock().unwrap().take();
    report.expect("there was a verdict")
}

#[derive(Debug, PartialEq)]
struct Seen {
    leaks: Vec<(String, Liveness)>,
    /// Whether the verdict was given without waiting, since it was certain.
    at_once: bool,
}

fn seen(report: &LeakReport) -> Seen {
    let leaks = report.leaks().iter();
    let mut leaks: Vec<_> = leaks
        .map(|leak| (leak.name().to_owned(), leak.liveness()))
        .collect();
    leaks.sort();
    let at_once = report.to_string().contains(" can never end")
        || report.to_string().contains(" can ever end");
    Seen { leaks, at_once }
}

fn spawn(name: &'static str, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    Builder::new().name(name).spawn(future)
}

/// Calls a function in a while, on a plain thread.
fn soon(function: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        std::thread::sleep(SHORT);
        function();
    });
}

async fn parked() {
    for _ in 0..3 {
        yield_now().await;
    }
}

/// Stores the waker of its first poll and never looks again.
async fn stores_first_waker(place: Arc<Mutex<Option<Waker>>>) {
    let mut polled = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        *place.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

mod cases {
    use super::*;

    pub async fn orphans_alone() {
        spawn("one", pending());
        spawn("two", async {
            spawn("three", pending());
            pending().await
        });
        parked().await;
    }

    pub async fn orphans_that_have_yet_to_park() {
        spawn("one", pending());
    }

    pub async fn woken_in_time() {
        let (send, receive) = oneshot::channel::<()>();
        spawn("woken", async { drop(receive.await) });
        parked().await;
        soon(|| drop(send));
    }

    pub async fn woken_by_its_first_waker() {
        let place = Arc::default();
        spawn("woken", stores_first_waker(Arc::clone(&place)));
        parked().await;
        soon(move || {
            let waker = place.lock().unwrap().take();
            waker.expect("it was polled").wake();
        });
    }

    pub async fn aborted_in_time_by_an_abort_handle() {
        let task = spawn("aborted", pending()).abort_handle();
        parked().await;
        soon(move || task.abort());
    }

    pub async fn aborted_in_time_by_its_join_handle() {
        let task = spawn("aborted", pending());
        parked().await;
        soon(move || task.abort());
    }

    pub async fn beside_one_that_is_woken_in_time() {
        spawn("orphan", pending());
        woken_in_time().await;
    }

    pub async fn local_orphans() {
        for name in ["one", "two"] {
            Builder::new().name(name).spawn_local(pending::<()>());
        }
        parked().await;
    }

    pub async fn local_that_is_woken_in_time() {
        let (send, receive) = oneshot::channel::<()>();
        let woken = async { drop(receive.await) };
        Builder::new().name("woken").spawn_local(woken);
        parked().await;
        soon(|| drop(send));
    }

    /// Their set is dropped in time, by the thread on which it is.
    pub async fn local_of_another_thread() {
        let (began, begun) = oneshot::channel();
        drop(Builder::new().spawn_blocking(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let local = tokio::task::LocalSet::new();
            runtime.unwrap().block_on(local.run_until(async {
                local_orphans().await;
                let _ = began.send(());
            }));
            std::thread::sleep(SHORT);
        }));
        begun.await.unwrap();
    }

    pub async fn beside_one_that_may_live_on() {
        spawn("orphan", pending());
        Builder::new()
            .name("service")
            .background()
            .spawn(pending::<()>());
        parked().await;
    }

    pub async fn beside_a_closure_that_ends() {
        spawn("orphan", pending());
        drop(Builder::new().spawn_blocking(|| std::thread::sleep(SHORT)));
        parked().await;
    }

    pub async fn beside_one_that_nobody_tracked() {
        spawn("orphan", pending());
        let (send, receive) = oneshot::channel::<()>();
        tokio::spawn(receive);
        parked().await;
        soon(|| drop(send));
    }
}

mod rows {
    #![allow(unnameable_test_items, reason = "called by the table")]
    use super::*;
    use taskleak::leak_test;

    pub fn leak_test_current_thread() {
        #[leak_test(grace = "60m")]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    pub fn leak_test_multi_thread() {
        #[leak_test(flavor = "multi_thread", worker_threads = 2, grace = "60m")]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    pub fn facade_current_thread() {
        use taskleak_tokio as tokio;
        #[tokio::test]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    pub fn facade_multi_thread() {
        use taskleak_tokio as tokio;
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    pub fn stock_current_thread_finished() {
        #[tokio::test]
        async fn test() {
            let guard = guard(HOUR);
            body().await;
            guard.finish().await;
        }
        test();
    }

    pub fn stock_multi_thread_finished() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let guard = guard(HOUR);
            body().await;
            guard.finish().await;
        }
        test();
    }

    pub fn stock_multi_thread_dropped() {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    pub fn in_a_worker_s_task_dropped() {
        in_a_worker_s_task(|guard| Box::pin(async move { drop(guard) }));
    }

    pub fn in_a_worker_s_task_finished() {
        in_a_worker_s_task(|guard| Box::pin(guard.finish()));
    }

    fn in_a_worker_s_task(end: fn(Guard) -> Playing) {
        let runtime = multi_thread();
        let (body, found) = (body(), FOUND.take());
        let task = runtime.spawn(async move {
            FOUND.set(found);
            let guard = guard(HOUR);
            body.await;
            end(guard).await;
        });
        let _ = runtime.block_on(task);
    }

    pub fn in_a_closure() {
        let runtime = multi_thread();
        let (body, found) = (body(), FOUND.take());
        let closure = runtime.spawn_blocking(move || {
            FOUND.set(found);
            let _guard = guard(HOUR);
            Handle::current().block_on(body);
        });
        let _ = runtime.block_on(closure);
    }

    /// Nothing but the guard can let its tasks go on.
    pub fn stock_current_thread_dropped() {
        #[tokio::test]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    /// With a paused clock an hour is short.
    pub fn stock_start_paused_finished() {
        #[tokio::test(start_paused = true)]
        async fn test() {
            let guard = guard(HOUR);
            body().await;
            guard.finish().await;
        }
        test();
    }

    pub fn leak_test_start_paused() {
        #[leak_test(start_paused = true, grace = "60m")]
        async fn test() {
            let _guard = guard(HOUR);
            body().await;
        }
        test();
    }

    /// Outside of the runtime nobody knows how long it will be there.
    pub fn outside_a_multi_thread_runtime() {
        let runtime = multi_thread();
        let _guard = guard(GRACE);
        runtime.block_on(body());
        // Kept until the guard's end, which comes first.
        std::mem::forget(runtime);
    }

    pub fn local() {
        #[tokio::test]
        async fn test() {
            let local = tokio::task::LocalSet::new();
            let guard = guard(GRACE);
            let spawn = async {
                Builder::new().name("local").spawn_local(pending::<()>());
                parked().await;
            };
            local.run_until(spawn).await;
            local.run_until(guard.finish()).await;
        }
        test();
    }

    /// The thread that alone could drop the set is the one that the guard blocks.
    pub fn local_dropped() {
        let (body, local) = (body(), tokio::task::LocalSet::new());
        multi_thread().block_on(local.run_until(async {
            let guard = guard(HOUR);
            body.await;
            drop(guard);
        }));
    }

    fn multi_thread() -> Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    }
}

fn expect(row: fn(), case: fn() -> Playing, leaks: &[&str], at_once: bool) {
    let report = play(row, case);
    let leaks = leaks.iter();
    let expected = Seen {
        leaks: leaks
            .map(|name| ((*name).to_owned(), Liveness::Orphan))
            .collect(),
        at_once,
    };
    assert_eq!(seen(&report), expected, "in this report:\n{report}");
}

macro_rules! matrix {
    ($($row:ident: $($group:ident)*;)*) => {
        $(mod $row { $($group!($row);)* })*
    };
}

macro_rules! tests {
    ($row:ident: $($case:ident leaves [$($leak:literal),*] at_once $at_once:literal;)*) => {
        $(
            #[test]
            fn $case() {
                let case: fn() -> super::Playing = || Box::pin(super::cases::$case());
                super::expect(super::rows::$row, case, &[$($leak),*], $at_once);
            }
        )*
    };
}

macro_rules! stuck {
    ($row:ident) => {
        tests! { $row:
            orphans_alone leaves ["one", "three", "two"] at_once true;
            beside_one_that_may_live_on leaves ["orphan"] at_once true;
        }
    };
}

macro_rules! woken {
    ($row:ident) => {
        tests! { $row:
            orphans_that_have_yet_to_park leaves ["one"] at_once true;
            woken_in_time leaves [] at_once false;
            woken_by_its_first_waker leaves [] at_once false;
            aborted_in_time_by_an_abort_handle leaves [] at_once false;
            aborted_in_time_by_its_join_handle leaves [] at_once false;
            beside_one_that_is_woken_in_time leaves ["orphan"] at_once true;
            beside_a_closure_that_ends leaves ["orphan"] at_once true;
            beside_one_that_nobody_tracked leaves ["orphan"] at_once true;
        }
    };
}

macro_rules! waited_for {
    ($row:ident) => {
        tests! { $row:
            orphans_alone leaves ["one", "three", "two"] at_once false;
        }
    };
}

matrix! {
    leak_test_current_thread:       stuck woken;
    leak_test_multi_thread:         stuck woken;
    facade_current_thread:          stuck woken;
    facade_multi_thread:            stuck woken;
    stock_current_thread_finished:  stuck woken;
    stock_multi_thread_finished:    stuck woken;
    stock_multi_thread_dropped:     stuck woken;
    in_a_worker_s_task_dropped:     stuck woken;
    in_a_worker_s_task_finished:    stuck woken;
    in_a_closure:                   stuck woken;
    stock_current_thread_dropped:   stuck;
    leak_test_start_paused:         stuck;
    stock_start_paused_finished:    stuck;
    outside_a_multi_thread_runtime: waited_for;
}

#[test]
fn local_tasks_get_their_grace() {
    let report = play(rows::local, || Box::pin(async {}));
    assert!(!seen(&report).at_once, "{report}");
    for leak in report.leaks() {
        assert_eq!(leak.liveness(), Liveness::Orphan, "{report}");
    }
}

#[test]
fn local_tasks_are_judged_at_once_by_a_guard_that_blocks_their_thread() {
    expect(
        rows::local_dropped,
        || Box::pin(cases::local_orphans()),
        &["one", "two"],
        true,
    );
}

/// The guard drives what it can.
#[test]
fn a_local_task_that_is_woken_in_time_is_no_leak() {
    expect(
        rows::local_dropped,
        || Box::pin(cases::local_that_is_woken_in_time()),
        &[],
        false,
    );
}

#[test]
fn local_tasks_of_another_thread_get_their_grace() {
    expect(
        rows::stock_multi_thread_dropped,
        || Box::pin(cases::local_of_another_thread()),
        &[],
        false,
    );
}

/// Their runtime's end ends them in time.
#[test]
fn orphans_of_a_runtime_that_is_dropped_are_no_leak() {
    for runtime in [
        tokio::runtime::Builder::new_current_thread().build(),
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build(),
    ] {
        let runtime = runtime.unwrap();
        let guard = verify_none().grace(HOUR);
        runtime.block_on(cases::orphans_alone());
        soon(move || drop(runtime));
        drop(guard);
    }
}

/// Runs for longer than a verdict that is certain takes, and then ends, or is stuck.
async fn late(is_stuck: bool) {
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    if is_stuck {
        pending::<()>().await;
    }
}

/// Nobody announces that a task is stuck.
#[test]
fn who_is_stuck_late_is_not_waited_for() {
    for is_stuck in [true, false] {
        for is_dropped in [false, true] {
            // A guard that is dropped in a current-thread runtime cannot wait for timers.
            let is_alone: &[bool] = if is_dropped { &[false] } else { &[false, true] };
            for is_alone in is_alone {
                let mut builder = match is_alone {
                    true => tokio::runtime::Builder::new_current_thread(),
                    false => tokio::runtime::Builder::new_multi_thread(),
                };
                let runtime = builder.worker_threads(2).enable_all().build().unwrap();
                let found = Found::default();
                runtime.block_on(async {
                    FOUND.set(Some(found.clone()));
                    let guard = guard(HOUR).on_leak(taskleak::Action::Warn);
                    spawn("late", late(is_stuck));
                    if is_dropped {
                        drop(guard);
                    } else {
                        guard.finish().await;
                    }
                });
                let report = found.lock().unwrap().take();
                let report = report.expect("there was a verdict");
                assert_eq!(report.is_empty(), !is_stuck);
                let leaks = report.leaks().iter();
                let leaks: Vec<_> = leaks.map(|leak| (leak.name(), leak.liveness())).collect();
                assert!(
                    leaks.iter().all(|leak| *leak == ("late", Liveness::Orphan)),
                    "{leaks:?}"
                );
            }
        }
    }
}

/// Judged where they are, with those who keep the tasks from being orphans.
fn liveness_of(keep: fn(JoinHandle<()>) -> Box<dyn std::any::Any>) -> (Liveness, bool) {
    let runtime = Runtime::new().unwrap();
    let found = Found::default();
    runtime.block_on(async {
        FOUND.set(Some(found.clone()));
        let guard = guard(GRACE);
        let task = spawn("task", pending());
        parked().await;
        let kept = keep(task);
        let _ = futures::FutureExt::catch_unwind(AssertUnwindSafe(guard.finish())).await;
        drop(kept);
    });
    let report = found.lock().unwrap().take().unwrap();
    (report.leaks()[0].liveness(), seen(&report).at_once)
}

#[test]
fn handles_count() {
    let none = liveness_of(|task| {
        drop(task);
        Box::new(())
    });
    assert_eq!(none, (Liveness::Orphan, true));
    // It cannot run again, but it can be aborted.
    let join_handle = liveness_of(|task| Box::new(task));
    assert_eq!(join_handle, (Liveness::Orphan, false));
    let abort_handle = liveness_of(|task| Box::new(task.abort_handle()));
    assert_eq!(abort_handle, (Liveness::Wakeable, false));
    let both = liveness_of(|task| Box::new((task.abort_handle(), task)));
    assert_eq!(both, (Liveness::Wakeable, false));
}

#[test]
fn what_runs_is_no_orphan() {
    let runtime = Runtime::new().unwrap();
    let found = Found::default();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        FOUND.set(Some(found.clone()));
        let guard = guard(GRACE);
        let (began, begun) = oneshot::channel();
        spawn("runs", async move {
            let _ = began.send(());
            let _ = stopped.recv();
        });
        spawn("yields", async {
            loop {
                yield_now().await;
            }
        });
        begun.await.unwrap();
        let _ = futures::FutureExt::catch_unwind(AssertUnwindSafe(guard.finish())).await;
        drop(stop);
    });
    let report = found.lock().unwrap().take().unwrap();
    assert!(!seen(&report).at_once, "{report}");
    for leak in report.leaks() {
        assert!(leak.liveness() < Liveness::Orphan, "{report}");
    }
    assert_eq!(report.task_count(), 2, "{report}");
    runtime.shutdown_background();
}
