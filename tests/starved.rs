//! A task that its runtime has not come to is given its first poll, however short the grace: that the machine is
//! busy, or another task holds the thread, is no leak. What is pending after that is.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;
use taskleak::runtime::{Builder, Runtime};
use taskleak::verify_none;

/// The report of a guard that fails in there.
fn report_of(test: impl FnOnce()) -> Option<String> {
    let failure = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*failure.downcast::<String>().expect("a report is text"))
}

fn current_thread(start_paused: bool) -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    if start_paused {
        builder.start_paused(true);
    }
    builder.build().unwrap()
}

/// By whom the tasks are spawned: by taskleak, or by somebody whom only hooks can see.
type Spawn = fn(bool);

const SPAWNERS: [Spawn; 2] = [
    |leaks| drop(taskleak::spawn(work(leaks))),
    |leaks| drop(tokio::spawn(work(leaks))),
];

async fn work(leaks: bool) {
    let child = taskleak::spawn(async {});
    if leaks {
        pending().await
    }
    child.await.unwrap();
}

#[test]
fn by_a_guard_that_is_finished_at_once() {
    for spawn in SPAWNERS {
        let report = |leaks| {
            report_of(|| {
                current_thread(false).block_on(async {
                    let guard = verify_none().grace(Duration::ZERO);
                    spawn(leaks);
                    guard.finish().await;
                });
            })
        };
        assert_eq!(report(false), None);
        assert!(report(true).expect("it leaks").contains("1 task"));
    }
}

/// There no time passes meanwhile.
#[test]
fn on_a_paused_clock() {
    for spawn in SPAWNERS {
        let report = |leaks| {
            report_of(|| {
                current_thread(true).block_on(async {
                    let before = tokio::time::Instant::now();
                    let guard = verify_none().grace(Duration::ZERO);
                    spawn(leaks);
                    guard.finish().await;
                    assert_eq!(tokio::time::Instant::now(), before);
                });
            })
        };
        assert_eq!(report(false), None);
        assert!(report(true).expect("it leaks").contains("1 task"));
    }
}

/// Is where it is to be after its first poll. What has to be polled again after that may be too late, since the grace
/// is over.
async fn short_work(leaks: bool) {
    drop(taskleak::spawn(async {}));
    if leaks {
        pending().await
    }
}

/// A task holds the only worker for longer than the grace.
#[test]
fn behind_a_task_that_holds_the_worker() {
    let spawners: [Spawn; 2] = [
        |leaks| drop(taskleak::spawn(short_work(leaks))),
        |leaks| drop(tokio::spawn(short_work(leaks))),
    ];
    let seen = if cfg!(tokio_unstable) { 2 } else { 1 };
    for spawn in &spawners[..seen] {
        let report = |leaks| {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            report_of(move || {
                let guard = verify_none().grace(Duration::from_millis(20));
                let _context = runtime.enter();
                let (holds, held) = mpsc::channel();
                let holder = taskleak::task::Builder::new().background();
                holder.spawn(async move {
                    holds.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(150));
                });
                held.recv().unwrap();
                spawn(leaks);
                drop(guard);
            })
        };
        assert_eq!(report(false), None);
        assert!(report(true).expect("it leaks").contains("1 task"));
    }
}
