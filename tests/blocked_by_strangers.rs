//! Tasks that are not the test's and hold the threads which its tasks need are told of beside what leaked.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::future::pending;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};
use taskleak::task::Builder;
use taskleak::{Blocker, LeakReport, Options, find, verify_none};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(20);
/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// Some look at all tasks: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A runtime with that many threads, somewhere else: on one of its own if it is a current-thread one.
struct Elsewhere {
    handle: Handle,
    ends: Option<(
        tokio::sync::oneshot::Sender<()>,
        std::thread::JoinHandle<()>,
    )>,
    _workers: Option<Runtime>,
}

impl Elsewhere {
    fn workers(count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(count)
            .enable_all()
            .build()
            .unwrap();
        Self {
            handle: runtime.handle().clone(),
            ends: None,
            _workers: Some(runtime),
        }
    }

    fn current_thread() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let (end, ended) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || {
            _ = runtime.block_on(ended);
        });
        Self {
            handle,
            ends: Some((end, thread)),
            _workers: None,
        }
    }

    /// Every kind whose tasks all need the same thread.
    fn with_one_thread() -> [Self; 2] {
        [Self::workers(1), Self::current_thread()]
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.ends.take() {
            drop(end);
            thread.join().unwrap();
        }
    }
}

/// What holds a thread, until it is dropped.
struct Nap {
    end: Arc<AtomicBool>,
    begun: mpsc::Receiver<()>,
}

impl Nap {
    /// And the future that naps.
    fn new() -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (begins, begun) = mpsc::channel();
        let end = Arc::new(AtomicBool::new(false));
        let ended = end.clone();
        let nap = async move {
            begins.send(()).unwrap();
            naps_until(&ended);
        };
        (Self { end, begun }, nap)
    }

    /// Holds a thread by what `spawn` spawns.
    fn by(spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>)) -> Self {
        let (nap, future) = Self::new();
        spawn(Box::pin(future));
        nap.begun.recv().unwrap();
        nap
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        self.end.store(true, SeqCst);
    }
}

fn naps_until(end: &AtomicBool) {
    while !end.load(SeqCst) {
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn leaks_on(runtime: &Handle) -> JoinHandle<()> {
    waits_on(runtime, pending())
}

fn waits_on(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let begun = Arc::new(AtomicBool::new(false));
    let begins = begun.clone();
    let task = Builder::new().name("leaks").spawn_on(
        async move {
            begins.store(true, SeqCst);
            future.await;
        },
        runtime,
    );
    while !begun.load(SeqCst) {
        std::thread::yield_now();
    }
    task
}

fn options() -> Options {
    Options::new().grace(3 * SHORT).blocked_after(SHORT)
}

fn functions(blocker: &Blocker) -> Vec<&'static str> {
    blocker
        .frames()
        .iter()
        .map(|frame| frame.function())
        .collect()
}

const DUE: &str = "1 task of these was due and not polled, while on its runtime";
const UNASKED: &str = "1 task of these could not be asked what it waits for, while on its runtime";

/// The report of the leaks once somebody is seen to nap in their way, or the last of many.
fn kept_waiting(options: impl Fn() -> Options) -> LeakReport {
    let naps = |blocker: &Blocker| {
        functions(blocker)
            .iter()
            .any(|one| one.ends_with("::naps_until"))
    };
    let begun = Instant::now();
    loop {
        let report = find(options()).unwrap_err();
        if report.blockers().iter().any(naps) || begun.elapsed() > LONG {
            return report;
        }
    }
}

/// The one blocker, which naps; and the text of the report, which says so of the one task.
#[track_caller]
fn napping<'a>(report: &'a LeakReport, how: &str) -> (&'a Blocker, String) {
    let text = report.to_string();
    let [blocker] = report.blockers() else {
        panic!("not one blocker in\n{text}")
    };
    let functions = functions(blocker);
    assert!(
        functions.iter().any(|one| one.ends_with("::naps_until")),
        "{functions:?}\n{text}"
    );
    assert!(text.contains(&format!("note: {how}")), "{text}");
    assert!(text.contains("blocked_by_strangers::naps_until"), "{text}");
    assert!(blocker.thread().is_some(), "{text}");
    (blocker, text)
}

#[test]
fn a_task_that_a_rule_lets_live_on() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none().ignore_named("napper");
        let leak = leaks_on(&runtime.handle);
        let napper = Builder::new().name("napper");
        let nap = Nap::by(|nap| drop(napper.spawn_on(nap, &runtime.handle)));
        let report = kept_waiting(|| options().ignore_named("napper"));
        let (blocker, text) = napping(&report, UNASKED);
        assert_eq!(blocker.name(), Some("napper"));
        assert!(
            text.contains("  task `napper` (spawned at tests/blocked_by_strangers.rs:"),
            "{text}"
        );
        assert_eq!(report.task_count(), 1);
        leak.abort();
        drop(nap);
        guard.grace(LONG).finish_blocking();
    }
}

/// Nobody had to ask it for it to be due.
#[test]
fn a_task_that_was_woken() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none().ignore_named("napper");
        let notify = Arc::new(Notify::new());
        let notified = notify.clone();
        let woken = waits_on(&runtime.handle, async move { notified.notified().await });
        let napper = Builder::new().name("napper");
        let nap = Nap::by(|nap| drop(napper.spawn_on(nap, &runtime.handle)));
        notify.notify_one();
        let report = kept_waiting(|| options().ignore_named("napper"));
        napping(&report, DUE);
        drop(nap);
        drop(woken);
        guard.grace(LONG).finish_blocking();
    }
}

/// And it is nobody's failure by itself.
#[test]
fn nobody_hears_of_it_who_leaks_nothing() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none();
        let napper = Builder::new().name("napper").background();
        let nap = Nap::by(|nap| drop(napper.spawn_on(nap, &runtime.handle)));
        find(options()).unwrap();
        drop(nap);
        guard.grace(LONG).finish_blocking();
    }
}

#[test]
fn a_task_of_another_test() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let nap = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let guard = verify_none();
                let nap = Nap::by(|nap| {
                    drop(
                        Builder::new()
                            .name("other's")
                            .spawn_on(nap, &runtime.handle),
                    );
                });
                (guard, nap)
            });
            other.join().unwrap()
        });
        let (other, nap) = nap;
        let guard = verify_none();
        // Its first turn does not come.
        let leak = Builder::new()
            .name("leaks")
            .spawn_on(pending::<()>(), &runtime.handle);
        let report = kept_waiting(options);
        let (blocker, text) = napping(&report, DUE);
        assert_eq!(blocker.name(), Some("other's"));
        assert!(text.contains(", of the guard "), "{text}");
        leak.abort();
        drop(nap);
        guard.grace(LONG).finish_blocking();
        other.grace(LONG).finish_blocking();
    }
}

#[test]
fn a_task_that_began_when_nobody_judged() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let nap = Nap::by(|nap| drop(Builder::new().name("old").spawn_on(nap, &runtime.handle)));
        let guard = verify_none();
        let leak = Builder::new()
            .name("leaks")
            .spawn_on(pending::<()>(), &runtime.handle);
        let report = kept_waiting(options);
        assert_eq!(report.blockers()[0].name(), Some("old"), "{report}");
        leak.abort();
        drop(nap);
        guard.grace(LONG).finish_blocking();
    }
}

#[test]
fn a_task_that_nobody_tracked() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none();
        let leak = leaks_on(&runtime.handle);
        let nap = Nap::by(|nap| drop(runtime.handle.spawn(nap)));
        let report = kept_waiting(options);
        let (blocker, text) = napping(&report, UNASKED);
        assert!(blocker.task().is_none());
        assert!(
            text.contains("  a task that taskleak did not see spawned\n"),
            "{text}"
        );
        leak.abort();
        drop(nap);
        guard.grace(LONG).finish_blocking();
    }
}

#[cfg(tokio_unstable)]
#[test]
fn a_hooked_task() {
    let _turn = turn();
    let mut builder = taskleak::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let before = Nap::by(|nap| drop(runtime.handle().spawn(nap)));
    let guard = verify_none();
    let leak = Builder::new()
        .name("leaks")
        .spawn_on(pending::<()>(), runtime.handle());
    // Whose poll it is, no thread tells that polls hooked tasks: so it has no stack.
    let begun = Instant::now();
    let report = loop {
        let report = find(options()).unwrap_err();
        if !report.blockers().is_empty() || begun.elapsed() > LONG {
            break report;
        }
    };
    let [blocker] = report.blockers() else {
        panic!("{report}")
    };
    assert_eq!(blocker.task().unwrap().kind(), taskleak::TaskKind::Hooked);
    leak.abort();
    drop(before);
    guard.grace(LONG).finish_blocking();
}

/// A report of leaks that were given their turns, which a busy machine may not do at once.
fn answered(options: impl Fn() -> Options) -> LeakReport {
    loop {
        let report = find(options()).unwrap_err();
        let mut leaked = report.leaks().iter().flat_map(|leak| leak.tasks());
        if !leaked.any(|task| task.is_silent()) {
            return report;
        }
    }
}

#[track_caller]
fn assert_nobody(report: &LeakReport) {
    assert!(report.blockers().is_empty(), "{report}");
    assert!(
        !report
            .to_string()
            .contains("while on its runtime polls have not returned"),
        "{report}"
    );
}

#[test]
fn a_task_that_waits_as_tasks_do_holds_nothing() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none().ignore_named("sleeper");
        let leak = leaks_on(&runtime.handle);
        let hour = Duration::from_secs(60 * 60);
        let sleeper = Builder::new().name("sleeper").spawn_on(
            async move { tokio::time::sleep(hour).await },
            &runtime.handle,
        );
        runtime
            .handle
            .spawn(async move { tokio::time::sleep(hour).await });
        assert_nobody(&answered(|| options().ignore_named("sleeper")));
        leak.abort();
        sleeper.abort();
        guard.grace(LONG).finish_blocking();
    }
}

#[test]
fn a_task_that_is_busy_and_gives_turns_holds_nothing() {
    let _turn = turn();
    for runtime in Elsewhere::with_one_thread() {
        let guard = verify_none().ignore_named("busy");
        let leak = leaks_on(&runtime.handle);
        let goes_round = || async {
            loop {
                tokio::task::yield_now().await;
            }
        };
        let busy = Builder::new()
            .name("busy")
            .spawn_on(goes_round(), &runtime.handle);
        let untracked = runtime.handle.spawn(goes_round());
        assert_nobody(&answered(|| options().ignore_named("busy")));
        leak.abort();
        busy.abort();
        untracked.abort();
        guard.grace(LONG).finish_blocking();
    }
}

#[test]
fn beside_another_worker_it_keeps_nobody_waiting() {
    let _turn = turn();
    let runtime = Elsewhere::workers(2);
    let guard = verify_none();
    let leak = leaks_on(&runtime.handle);
    let napper = Builder::new().name("napper").background();
    let nap = Nap::by(|nap| drop(napper.spawn_on(nap, &runtime.handle)));
    assert_nobody(&answered(options));
    leak.abort();
    drop(nap);
    guard.grace(LONG).finish_blocking();
}

#[test]
fn who_blocks_in_place_holds_no_worker() {
    let _turn = turn();
    let runtime = Elsewhere::workers(1);
    let guard = verify_none();
    let leak = leaks_on(&runtime.handle);
    let napper = Builder::new().name("napper").background();
    let (nap, future) = Nap::new();
    let task = async { tokio::task::block_in_place(|| Handle::current().block_on(future)) };
    drop(napper.spawn_on(task, &runtime.handle));
    nap.begun.recv().unwrap();
    assert_nobody(&answered(options));
    leak.abort();
    drop(nap);
    guard.grace(LONG).finish_blocking();
}

#[test]
fn a_runtime_that_nobody_runs_is_held_by_nobody() {
    let _turn = turn();
    let idle = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let busy = Elsewhere::workers(1);
    let guard = verify_none();
    let napper = Builder::new().name("napper").background();
    let nap = Nap::by(|nap| drop(napper.spawn_on(nap, &busy.handle)));
    drop(
        Builder::new()
            .name("leaks")
            .spawn_on(pending::<()>(), idle.handle()),
    );
    assert_nobody(&find(options()).unwrap_err());
    drop(idle);
    drop(nap);
    guard.grace(LONG).finish_blocking();
}
