//! All tasks that are left wait for locks or for each other's ends: by itself that is no sign of a deadlock, since whoever
//! keeps a guard need not be a task.

use super::runtimes;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use taskleak::task::Builder;
use taskleak::{Action, LeakReport, Liveness, Options, WaitsFor, find, verify_none};
use tokio::sync::{Barrier, Mutex as AsyncMutex, OwnedMutexGuard, oneshot};
use tokio::task::yield_now;

const SHORT: Duration = Duration::from_millis(15);

/// Whether it can be read who holds what.
const IS_READ: bool = cfg!(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions
));

type Held = OwnedMutexGuard<()>;
/// Somebody who keeps a lock's guard until he is told to let it go.
type Keeper = fn(Held) -> Box<dyn FnOnce()>;

static KEPT: Mutex<Option<Held>> = Mutex::new(None);

const KEEPERS: &[(&str, Keeper)] = &[
    ("the test's own body", |guard| Box::new(|| drop(guard))),
    ("a static", |guard| {
        *KEPT.lock().unwrap() = Some(guard);
        Box::new(|| *KEPT.lock().unwrap() = None)
    }),
    ("a thread", |guard| {
        let (go, gone) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _guard = guard;
            _ = gone.recv();
        });
        Box::new(move || {
            drop(go);
            thread.join().unwrap();
        })
    }),
    ("a closure on the blocking pool", |guard| {
        let (go, gone) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            let _guard = guard;
            _ = gone.recv();
        });
        Box::new(move || drop(go))
    }),
    ("a task of another runtime", |guard| {
        let (go, gone) = oneshot::channel::<()>();
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(async {
                let _guard = guard;
                _ = gone.await;
            });
        });
        Box::new(move || {
            drop(go);
            thread.join().unwrap();
        })
    }),
];

/// Says that it cannot be told, where it can't, and of how many tasks; and nothing of the kind where it can.
#[track_caller]
fn check_note(report: &LeakReport, who: &str) {
    let text = report.to_string();
    let note = format!("note: {who}. Who holds ");
    assert_eq!(text.contains(&note), !IS_READ, "{text}");
    if cfg!(all(feature = "census", target_os = "linux")) && !IS_READ {
        assert!(text.contains("an unoptimised one tells"), "{text}");
    }
}

async fn waits(lock: Arc<AsyncMutex<()>>) {
    drop(lock.lock().await);
}

#[test]
fn whoever_keeps_a_guard_outside_of_tasks_is_believed() {
    for (name, keep) in KEEPERS {
        for runtime in runtimes() {
            runtime.block_on(async {
                let guard = verify_none().grace(Duration::from_secs(60));
                let lock = Arc::new(AsyncMutex::new(()));
                let let_go = keep(lock.clone().lock_owned().await);
                let first = Builder::new().name("first").spawn(waits(lock.clone()));
                let second = Builder::new().name("second").spawn(waits(lock));
                let joins = async { first.await.unwrap() };
                let joins = Builder::new().name("joins").spawn(joins);
                tokio::time::sleep(SHORT).await;
                for _ in 0..2 {
                    let report = find(Options::new().grace(SHORT)).unwrap_err();
                    for leak in report.leaks() {
                        assert_ne!(leak.liveness(), Liveness::Orphan, "{name}: {report}");
                        assert!(!leak.is_proved_deadlocked(), "{name}: {report}");
                        assert!(!leak.is_likely_deadlocked(), "{name}: {report}");
                    }
                    check_note(&report, "3 tasks wait for locks or for other tasks' ends");
                }
                let_go();
                second.await.unwrap();
                joins.await.unwrap();
                guard.finish().await;
            });
        }
    }
}

#[test]
fn a_single_one_is_not_spoken_of_as_several() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let guard = verify_none().grace(Duration::from_secs(60));
            let lock = Arc::new(AsyncMutex::new(()));
            let held = lock.lock().await;
            let task = taskleak::spawn(waits(lock.clone()));
            tokio::time::sleep(SHORT).await;
            let report = find(Options::new().grace(SHORT)).unwrap_err();
            assert!(!report.leaks()[0].is_likely_deadlocked(), "{report}");
            check_note(&report, "1 task waits for a lock");
            drop(held);
            task.await.unwrap();
            guard.finish().await;
        });
    }
}

/// The twin: only the tasks themselves hold the locks. Where that can be read, it is said.
#[test]
fn locks_that_wait_for_each_other_are_a_likely_deadlock() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let guard = verify_none();
            let (one, two) = (Arc::new(AsyncMutex::new(())), Arc::new(AsyncMutex::new(())));
            let both_hold_one = Arc::new(Barrier::new(2));
            let waiting = Arc::new(AtomicUsize::new(0));
            for (first, second) in [(one.clone(), two.clone()), (two, one)] {
                let (both_hold_one, waiting) = (both_hold_one.clone(), waiting.clone());
                taskleak::spawn(async move {
                    let _first = first.lock().await;
                    both_hold_one.wait().await;
                    waiting.fetch_add(1, Relaxed);
                    let _second = second.lock().await;
                });
            }
            while waiting.load(Relaxed) < 2 {
                yield_now().await;
            }
            let report = find(Options::new().grace(SHORT)).unwrap_err();
            assert_eq!(report.task_count(), 2, "{report}");
            for leak in report.leaks() {
                assert_eq!(leak.waits_for(), Some(WaitsFor::Lock), "{report}");
                assert_eq!(leak.liveness(), Liveness::Wakeable, "{report}");
                assert_eq!(leak.is_likely_deadlocked(), IS_READ, "{report}");
            }
            check_note(&report, "2 tasks wait for locks");
            drop(guard.on_leak(Action::Warn));
        });
    }
}

/// Of more tasks than are looked into nothing is claimed, whoever keeps the guard, and that is said.
#[test]
fn of_too_many_tasks_nothing_is_claimed() {
    const MANY: usize = 1025;
    for runtime in runtimes() {
        runtime.block_on(async {
            let guard = verify_none().grace(Duration::from_secs(60));
            let lock = Arc::new(AsyncMutex::new(()));
            let held = lock.lock().await;
            let tasks: Vec<_> = (0..MANY)
                .map(|_| taskleak::spawn(waits(lock.clone())))
                .collect();
            while taskleak::live_tasks().iter().any(|task| task.polls() == 0) {
                yield_now().await;
            }
            let report = find(Options::new().grace(SHORT)).unwrap_err();
            assert_eq!(report.task_count(), MANY, "{report}");
            let claims = |leak: &taskleak::Leak| leak.is_likely_deadlocked();
            assert!(!report.leaks().iter().any(claims), "{report}");
            let text = report.to_string();
            assert!(
                text.contains("note: 1025 tasks wait for locks. Who holds"),
                "{text}"
            );
            if IS_READ {
                assert!(
                    text.contains("of more than 1024 none is looked into"),
                    "{text}"
                );
            }
            drop(held);
            for task in tasks {
                task.await.unwrap();
            }
            guard.finish().await;
        });
    }
}
