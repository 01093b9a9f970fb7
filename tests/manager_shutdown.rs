//! Graceful shutdown. It waits for all tasks of the process, so the tests take turns.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use taskleak::manager::TaskRecord;
use taskleak::task::Builder;
use tokio::sync::Notify;

const LONG: Duration = Duration::from_secs(60);

fn run<F: Future>(future: F) -> F::Output {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn: MutexGuard<'_, ()> = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

#[test]
fn it_waits_for_tasks_and_for_those_that_they_spawn() {
    run(async {
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let done = done.clone();
            taskleak::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                taskleak::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    done.fetch_add(1, SeqCst);
                });
            });
        }
        taskleak::manager().shutdown(LONG).await.unwrap();
        assert_eq!(done.load(SeqCst), 100);
    });
}

#[test]
fn it_names_those_that_did_not_end() {
    run(async {
        let first = Builder::new().name("uploader").spawn(pending::<()>());
        let spawn_stuck = || Builder::new().name("stuck").spawn(pending::<()>());
        let stuck = [spawn_stuck(), spawn_stuck()];
        let line = line!() - 2;
        let unfinished = taskleak::manager()
            .shutdown(Duration::from_millis(20))
            .await
            .unwrap_err();
        assert_eq!(unfinished.tasks().len(), 3);
        let of_same_name =
            |task: &TaskRecord| (task.name() == "stuck").then(|| task.live_of_same_name());
        let of_same_name: Vec<_> = unfinished.tasks().iter().filter_map(of_same_name).collect();
        assert_eq!(of_same_name, [Some(2); 2]);
        assert_eq!(unfinished.grace(), Duration::from_millis(20));
        let text = unfinished.to_string();
        assert!(
            text.starts_with("3 tasks did not end within 20ms:\n  2 x `stuck` spawned at "),
            "{text}"
        );
        assert!(
            text.contains(&format!("tests/manager_shutdown.rs:{line}:")),
            "{text}"
        );
        assert!(text.contains("\n  `uploader` spawned at "), "{text}");
        first.abort();
        stuck.iter().for_each(|task| task.abort());
        taskleak::manager().shutdown(LONG).await.unwrap();
    });
}

#[test]
fn it_waits_neither_for_background_tasks_nor_for_those_that_wait_for_it() {
    run(async {
        Builder::new().background().spawn(pending::<()>());
        let above = taskleak::spawn(async {
            let own = taskleak::spawn(async { taskleak::manager().shutdown(LONG).await });
            own.await.unwrap()
        });
        above.await.unwrap().unwrap();
    });
}

/// Each would wait for the task of the other, which waits for it.
#[test]
fn calls_at_one_time_do_not_wait_for_each_other() {
    run(async {
        let call = |grace| {
            taskleak::spawn(async move {
                let own = taskleak::spawn(async move { taskleak::manager().shutdown(grace).await });
                own.await.unwrap()
            })
        };
        let calls = [call(LONG), call(LONG), call(LONG)];
        for call in calls {
            call.await.unwrap().unwrap();
        }
        // What none of them is waiting for, each waits for, and names.
        let stuck = Builder::new().name("stuck").spawn(pending::<()>());
        let short = Duration::from_millis(50);
        // The second has long begun when the first says what has not ended, and the first has long ended by then.
        for call in [call(short * 10), call(short * 60)] {
            let unfinished = call.await.unwrap().unwrap_err();
            let names: Vec<_> = unfinished.tasks().iter().map(TaskRecord::name).collect();
            assert_eq!(names, ["stuck"]);
        }
        stuck.abort();
        // A task that has had its answer, and goes on, is waited for.
        let (go_on, may_end) = tokio::sync::oneshot::channel::<()>();
        let (tell, answered) = tokio::sync::oneshot::channel();
        let first = Builder::new().name("first").spawn(async {
            let answer = taskleak::manager().shutdown(LONG).await;
            tell.send(answer.is_ok()).unwrap();
            let _ = may_end.await;
        });
        assert!(answered.await.unwrap());
        let unfinished = taskleak::manager().shutdown(short).await.unwrap_err();
        assert_eq!(unfinished.tasks()[0].name(), "first");
        drop(go_on);
        taskleak::manager().shutdown(LONG).await.unwrap();
        first.await.unwrap();
    });
}

/// What is named goes into logs.
#[test]
fn a_name_cannot_forge_a_line() {
    run(async {
        let stuck = Builder::new()
            .name("a\nERROR forged")
            .spawn(pending::<()>());
        let unfinished = taskleak::manager().shutdown(Duration::ZERO).await;
        let text = unfinished.unwrap_err().to_string();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("`a\\nERROR forged`"), "{text}");
        stuck.abort();
        taskleak::manager().shutdown(LONG).await.unwrap();
    });
}

#[test]
fn without_tasks_and_without_grace_it_returns_at_once() {
    run(async { taskleak::manager().shutdown(Duration::ZERO).await.unwrap() });
    // No timer of the runtime's is needed, nor a runtime.
    futures::executor::block_on(taskleak::manager().shutdown(Duration::MAX)).unwrap();
}

/// Spawns its successor, of this or that kind, and ends, until it is told to stop. There is always one.
fn go_on(stop: Arc<AtomicBool>, is_background: bool) {
    if stop.load(SeqCst) {
        return;
    }
    let mut task = Builder::new().name("one of a line");
    if is_background {
        task = task.background();
    }
    task.spawn(async move { go_on(stop, is_background) });
}

/// Runs such a line while something else is done. Its tasks take turns in two slots, with a great many between them:
/// whoever looks at one slot after the other finds each of the two vacant when he comes by, often.
fn beside_a_line(is_background: bool, act: impl FnOnce(&AtomicBool)) {
    const BETWEEN: usize = 10_000;
    let (stop, may_end) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (tell, begun) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (begin, may_begin) = tokio::sync::oneshot::channel::<()>();
                let stop = stop.clone();
                Builder::new().background().spawn(async move {
                    let _ = may_begin.await;
                    go_on(stop, is_background);
                });
                for _ in 0..BETWEEN {
                    Builder::new().background().spawn(pending::<()>());
                }
                begin.send(()).unwrap();
                tokio::task::yield_now().await;
                tell.send(()).unwrap();
                may_end.notified().await;
            });
        });
        begun.recv().unwrap();
        let acted = catch_unwind(AssertUnwindSafe(|| act(&stop)));
        stop.store(true, SeqCst);
        may_end.notify_one();
        acted.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

#[test]
fn it_waits_for_a_line_of_tasks_each_of_which_spawns_the_next() {
    run(async {
        beside_a_line(false, |stop| {
            let shutdown = |grace| futures::executor::block_on(taskleak::manager().shutdown(grace));
            let unfinished = shutdown(Duration::from_millis(500)).unwrap_err();
            assert_eq!(unfinished.tasks()[0].name(), "one of a line");
            stop.store(true, SeqCst);
            shutdown(LONG).unwrap();
        });
    });
}

/// However restless they are.
#[test]
fn it_does_not_wait_for_a_line_of_background_tasks() {
    run(async {
        beside_a_line(true, |_| {
            futures::executor::block_on(taskleak::manager().shutdown(Duration::MAX)).unwrap();
        });
    });
}
