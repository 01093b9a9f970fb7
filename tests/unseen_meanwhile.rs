//! Tasks that nobody tracked, which come and go while a guard looks at what is left, or were there before.

#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use taskleak::{LeakReport, Options, find, verify_none};
use tokio::runtime::{Builder, Handle, Runtime};

/// Of guards that find a leak.
const GRACE: Duration = Duration::from_millis(60);
/// Of guards that find none: they wait no longer than they have to.
const LONG: Duration = Duration::from_secs(60);

async fn forgotten() {
    pending::<()>().await;
}

async fn before() {
    pending::<()>().await;
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

fn names(report: &LeakReport) -> Vec<&str> {
    report.unseen().iter().map(|task| task.name()).collect()
}

mod a_pool {
    use super::*;

    const LOOKS: u32 = 40;

    async fn pool_worker(length: Duration) {
        tokio::time::sleep(length).await;
    }

    /// Calls with the handle of a runtime on which tasks of a pool come and go, every millisecond: as soon as one has
    /// ended the next begins, or a little later.
    fn beside_a_pool(gap: Option<Duration>, judge: impl AsyncFn()) {
        let runtime = multi_thread();
        runtime.block_on(async {
            let guard = verify_none().ignore_named("*pool_*").grace(LONG);
            let is_over = Arc::new(AtomicBool::new(false));
            let handle = Handle::current();
            let pool = std::thread::spawn({
                let is_over = is_over.clone();
                move || {
                    let mut worker = None;
                    while !is_over.load(Relaxed) {
                        let length = Duration::from_millis(if gap.is_some() { 1 } else { 2 });
                        worker = Some(handle.spawn(pool_worker(length)));
                        std::thread::sleep(Duration::from_millis(1) + gap.unwrap_or_default());
                    }
                    handle.block_on(worker.unwrap()).unwrap();
                }
            });
            // Until the first has come.
            while Handle::current().metrics().num_alive_tasks() == 0 {
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
            judge().await;
            is_over.store(true, Relaxed);
            pool.join().unwrap();
            guard.finish().await;
        });
    }

    fn look() -> Result<(), LeakReport> {
        find(Options::new().grace(Duration::ZERO).ignore_named("*pool_*"))
    }

    async fn hides_no_leak() {
        let leak = tokio::spawn(forgotten());
        tokio::time::sleep(Duration::from_millis(2)).await;
        for _ in 0..LOOKS {
            let report = look().unwrap_err();
            assert_eq!(report.unseen_count(), 1, "{report}");
            assert!(names(&report)[0].ends_with("forgotten"), "{report}");
        }
        leak.abort();
    }

    async fn is_no_leak() {
        for _ in 0..LOOKS {
            if let Err(report) = look() {
                panic!("{report}");
            }
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }

    #[test]
    fn with_gaps_hides_no_leak() {
        beside_a_pool(Some(Duration::from_micros(500)), hides_no_leak);
    }

    #[test]
    fn with_gaps_is_no_leak() {
        beside_a_pool(Some(Duration::from_micros(500)), is_no_leak);
    }

    #[test]
    fn without_gaps_hides_no_leak() {
        beside_a_pool(None, hides_no_leak);
    }

    #[test]
    fn without_gaps_is_no_leak() {
        beside_a_pool(None, is_no_leak);
    }
}

mod what_was_there_before {
    use super::*;

    /// Whoever ends a guard is no leak, and takes nobody's place: not in the count, and not in the list.
    fn finished_in_a_task(leaks: bool) -> Option<String> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let failed = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                tokio::spawn(before());
                tokio::task::yield_now().await;
                let guard = verify_none().grace(if leaks { GRACE } else { LONG });
                let ending = tokio::spawn(async move {
                    if leaks {
                        tokio::spawn(forgotten());
                        tokio::task::yield_now().await;
                    }
                    guard.finish().await;
                });
                if let Err(failed) = ending.await {
                    std::panic::resume_unwind(failed.into_panic());
                }
            });
        }));
        Some(*failed.err()?.downcast::<String>().unwrap())
    }

    #[test]
    fn is_not_blamed_for_a_leak() {
        let report = finished_in_a_task(true).expect("it leaks");
        assert!(report.contains("1 task is alive"), "{report}");
        assert!(report.contains("forgotten`"), "{report}");
        assert!(!report.contains("before`"), "{report}");
    }

    #[test]
    fn is_no_leak() {
        assert_eq!(finished_in_a_task(false), None);
    }

    /// A guard that is opened beside a tracked task, or when a task has just ended, counts all the same.
    async fn leaks(begin: impl Future<Output = ()>, leak: bool) -> usize {
        begin.await;
        let guard = verify_none();
        let leak = leak.then(|| tokio::spawn(forgotten()));
        let found = find(Options::new().grace(Duration::from_millis(20)));
        if let Some(leak) = leak {
            leak.abort();
        }
        guard.finish().await;
        found.map_or_else(|report| report.unseen_count(), |()| 0)
    }

    #[test]
    fn if_it_is_tracked_hides_no_leak() {
        // Tasks that are spawned while no guard is open are not kept apart from those that nobody tracked.
        let _around = verify_none()
            .grace(Duration::ZERO)
            .on_leak(taskleak::Action::Warn);
        for leak in [true, false] {
            multi_thread().block_on(async {
                let tracked = async { drop(taskleak::spawn(pending::<()>())) };
                assert_eq!(leaks(tracked, leak).await, usize::from(leak));
            });
        }
    }

    #[test]
    fn and_was_joined_hides_no_leak() {
        for turn in 0..60 {
            let leak = turn % 3 > 0;
            multi_thread().block_on(async {
                let joined = async { tokio::spawn(async {}).await.unwrap() };
                assert_eq!(leaks(joined, leak).await, usize::from(leak), "{turn}");
            });
        }
    }

    /// A tracked task that was not polled yet is known by its future's type only, which tokio boxes if it is large.
    #[test]
    fn large_and_tracked_is_in_no_list() {
        async fn large() {
            let buffer = [0_u8; 20_000];
            pending::<()>().await;
            std::hint::black_box(buffer);
        }
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let guard = verify_none();
            let tracked = taskleak::spawn(large());
            let unseen = tokio::spawn(forgotten());
            let report = find(Options::new()).unwrap_err();
            assert_eq!((report.task_count(), report.unseen_count()), (1, 1));
            assert_eq!(names(&report), ["unseen_meanwhile::forgotten"]);
            tracked.abort();
            unseen.abort();
            guard.finish().await;
        });
    }

    /// What nobody tracked there may be anybody's: only what is tracked is judged, and the report says so.
    #[test]
    fn untracked_leaves_the_rest_uncounted() {
        let runtime = multi_thread();
        runtime.block_on(async {
            tokio::spawn(before());
            let guard = verify_none();
            let unseen = tokio::spawn(forgotten());
            let tracked = taskleak::spawn(pending::<()>());
            let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
            assert_eq!((report.task_count(), report.unseen_count()), (1, 0));
            let note = "note: only tracked tasks are judged here";
            assert!(report.to_string().contains(note), "{report}");
            tracked.abort();
            unseen.abort();
            guard.finish().await;
        });
    }
}

mod a_local_set_beside_workers {
    use super::*;
    use std::cell::RefCell;

    /// Its tasks are in no count: what workers spawn meanwhile does not make them so.
    fn unseen_beside_local_tasks(leaks: bool) -> usize {
        let runtime = multi_thread();
        let local = tokio::task::LocalSet::new();
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = RefCell::new(Vec::new());
        let (count, spawned) = local.block_on(&runtime, async {
            let guard = verify_none().grace(LONG);
            let has_begun = Arc::new(AtomicBool::new(!leaks));
            let spawner = std::thread::spawn({
                let (is_over, handle) = (is_over.clone(), Handle::current());
                let has_begun = has_begun.clone();
                move || {
                    let mut spawned = Vec::new();
                    while leaks && !is_over.load(Relaxed) && spawned.len() < 3000 {
                        spawned.push(handle.spawn(forgotten()));
                        has_begun.store(true, Relaxed);
                    }
                    spawned
                }
            });
            while !has_begun.load(Relaxed) {
                std::thread::yield_now();
            }
            for _ in 0..1000 {
                let task = taskleak::task::spawn_local(pending::<()>());
                tasks.borrow_mut().push(task);
            }
            is_over.store(true, Relaxed);
            let spawned = spawner.join().unwrap();
            let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
            assert_eq!(report.task_count(), 1000);
            for task in tasks.take().iter().chain(&spawned) {
                task.abort();
            }
            guard.finish().await;
            (report.unseen_count(), spawned.len())
        });
        assert_eq!(count, spawned);
        count
    }

    #[test]
    fn hides_no_leak() {
        assert!(unseen_beside_local_tasks(true) > 0);
    }

    #[test]
    fn is_no_leak() {
        assert_eq!(unseen_beside_local_tasks(false), 0);
    }
}
