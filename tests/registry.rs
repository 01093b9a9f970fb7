//! The live set: what it knows of each task, and that a task leaves it whatever way it ends.
#![allow(
    clippy::async_yields_async,
    reason = "tasks hand out the handles of those they spawned"
)]

use std::collections::HashSet;
use std::future::{Future, pending};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use taskleak::task::{Builder, JoinSet, LocalSet, spawn_blocking, spawn_local};
use taskleak::{TaskInfo, TaskKind, TaskState, Track, live_tasks};
use tokio::runtime::Runtime;
use tokio::task::yield_now;

fn current_thread() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn multi_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// The live tasks with this name.
fn live(name: &str) -> Vec<TaskInfo> {
    let mut tasks = live_tasks();
    tasks.retain(|task| task.name() == name);
    tasks
}

#[track_caller]
fn one(name: &str) -> TaskInfo {
    let mut tasks = live(name);
    assert_eq!(tasks.len(), 1, "tasks called {name}");
    tasks.remove(0)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

mod ends {
    use super::*;

    /// Runs the body on both kinds of runtime, with a guard and without. No task of the name may be left.
    fn check<F: Future>(name: &str, body: fn() -> F) {
        for runtime in [current_thread, multi_thread] {
            for guarded in [false, true] {
                let guard = guarded.then(taskleak::verify_none);
                runtime().block_on(async {
                    body().await;
                    // A handle may know of an end before the record is gone.
                    until(|| live(name).is_empty()).await;
                });
                drop(guard);
            }
        }
    }

    #[test]
    fn by_its_output() {
        check("ends by its output", || async {
            let named = || Builder::new().name("ends by its output").data("some", 1);
            named().spawn(async {}).await.unwrap();
            named().spawn(yield_now()).await.unwrap();
            named().spawn_blocking(|| ()).await.unwrap();
            drop(named().spawn(yield_now()));
            let tracked = async {}.tracked_as("ends by its output");
            tokio::spawn(tracked).await.unwrap();
        });
    }

    #[test]
    fn by_a_panic() {
        check("ends by a panic", || async {
            let named = || Builder::new().name("ends by a panic");
            named().spawn(async { panic!("now") }).await.unwrap_err();
            let later = async {
                yield_now().await;
                panic!("later")
            };
            named().spawn(later).await.unwrap_err();
            named()
                .spawn_blocking(|| panic!("blocking"))
                .await
                .unwrap_err();
            let in_drop = PanicsInDrop;
            let both = async move {
                let _in_drop = in_drop;
                pending::<()>().await;
            };
            let task = named().spawn(both);
            yield_now().await;
            task.abort();
            task.await.unwrap_err();
        });
    }

    struct PanicsInDrop;

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }

    #[test]
    fn by_an_abort() {
        check("ends by an abort", || async {
            for polled_before in [false, true] {
                let task = Builder::new()
                    .name("ends by an abort")
                    .spawn(pending::<()>());
                if polled_before {
                    yield_now().await;
                }
                task.abort();
                task.await.unwrap_err();
            }
            let mut set = JoinSet::new();
            let named = || Builder::new().name("ends by an abort");
            named().spawn_into(&mut set, pending::<()>());
            set.abort_all();
            named().spawn_into(&mut set, pending::<()>());
            set.shutdown().await;
        });
    }

    #[test]
    fn by_its_runtime_s_shutdown() {
        let name = "ends by the shutdown";
        for runtime in [current_thread, multi_thread] {
            let runtime = runtime();
            runtime.block_on(async {
                for _ in 0..10 {
                    Builder::new().name(name).spawn(pending::<()>());
                    tokio::spawn(pending::<()>().tracked_as(name));
                    yield_now().await;
                }
                Builder::new().name(name).spawn(pending::<()>());
            });
            assert!(live(name).len() >= 11);
            let handle = runtime.handle().clone();
            drop(runtime);
            assert_eq!(live(name).len(), 0);
            // What comes too late is refused.
            drop(Builder::new().name(name).spawn_on(async {}, &handle));
            assert_eq!(live(name).len(), 0);
        }
    }

    #[test]
    fn before_it_was_a_task_at_all() {
        let name = "never a task";
        drop(async {}.tracked_as(name));
        let outside = || Builder::new().name(name);
        let refused = std::panic::catch_unwind(|| drop(outside().spawn(async {})));
        assert!(refused.is_err());
        let refused = std::panic::catch_unwind(|| drop(outside().spawn_blocking(|| ())));
        assert!(refused.is_err());
        let refused = std::panic::catch_unwind(|| drop(outside().spawn_local(async {})));
        assert!(refused.is_err());
        assert_eq!(live(name).len(), 0);
    }

    #[test]
    fn with_its_local_set() {
        let name = "local";
        let runtime = current_thread();
        let local = LocalSet::new();
        let named = || Builder::new().name(name);
        named().spawn_local_on(pending::<()>(), &local);
        local.block_on(&runtime, async {
            named().spawn_local(pending::<()>());
            named().spawn_local(async {}).await.unwrap();
            yield_now().await;
        });
        assert_eq!(live(name).len(), 2);
        drop(local);
        assert_eq!(live(name).len(), 0);
    }

    /// A closure that waits for a thread of the pool has a record too.
    #[test]
    fn closures_that_never_ran() {
        let name = "never ran";
        let runtime = tokio::runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let context = runtime.enter();
        spawn_blocking(move || released.recv());
        let waiting = Builder::new().name(name).spawn_blocking(|| ());
        assert_eq!(one(name).state(), TaskState::NeverPolled);
        waiting.abort();
        drop(context);
        drop(release);
        runtime.block_on(waiting).unwrap_err();
        drop(runtime);
        assert_eq!(live(name).len(), 0);
    }
}

#[test]
fn what_is_known_of_a_task() {
    current_thread().block_on(async {
        let guard = taskleak::verify_none();
        let task = Builder::new()
            .name("known")
            .data("subnet_id", 17)
            .data("zone", "eu")
            .background();
        let (task, line) = (task.spawn(pending::<()>()), line!());
        let before = one("known");
        assert_eq!(before.kind(), TaskKind::Task);
        assert_eq!(before.state(), TaskState::NeverPolled);
        assert_eq!(
            (before.polls(), before.last_poll(), before.tokio_id()),
            (0, None, None)
        );
        assert_eq!(
            (before.location().file(), before.location().line()),
            (file!(), line)
        );
        assert_eq!(
            before.data().collect::<Vec<_>>(),
            [("subnet_id", "17"), ("zone", "eu")]
        );
        assert!(before.is_background() && before.ancestors().is_empty());
        assert_eq!(before.scope(), Some("what_is_known_of_a_task"));
        assert_eq!(
            before.spawn_function(),
            Some("registry::what_is_known_of_a_task")
        );
        yield_now().await;
        let after = one("known");
        assert_eq!(after.id(), before.id());
        assert_eq!((after.state(), after.polls()), (TaskState::Pending, 1));
        assert_eq!(
            after.tokio_id().map(|id| id.to_string()),
            Some(task.id().to_string())
        );
        let runtime = tokio::runtime::Handle::current().id().to_string();
        assert_eq!(after.runtime_id().map(|id| id.to_string()), Some(runtime));
        assert!(after.age() >= after.last_poll().unwrap());
        task.abort();
        guard.finish().await;
    });
}

#[test]
fn kinds_and_states() {
    let runtime = multi_thread();
    runtime.block_on(async {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let closure = Builder::new().name("blocking kind");
        let closure = closure.spawn_blocking(move || released.recv());
        until(|| one("blocking kind").state() == TaskState::Running).await;
        assert_eq!(one("blocking kind").kind(), TaskKind::Blocking);
        drop(release);
        let _ = closure.await.unwrap();

        let marked = tokio::spawn(pending::<()>().tracked_as("future kind"));
        until(|| !live("future kind").is_empty()).await;
        assert_eq!(one("future kind").kind(), TaskKind::Future);
        marked.abort();

        let (inside, itself) = tokio::sync::oneshot::channel();
        let task = async move { inside.send(one("looks at itself")).unwrap() };
        Builder::new().name("looks at itself").spawn(task);
        let itself = itself.await.unwrap();
        assert_eq!((itself.state(), itself.polls()), (TaskState::Running, 1));
    });
    let local = LocalSet::new();
    local.block_on(&current_thread(), async {
        Builder::new()
            .name("local kind")
            .spawn_local(pending::<()>());
        assert_eq!(one("local kind").kind(), TaskKind::Local);
    });
}

#[test]
fn polls_are_counted() {
    current_thread().block_on(async {
        let yields = async {
            for _ in 0..41 {
                yield_now().await;
            }
            pending::<()>().await;
        };
        let task = Builder::new().name("polled").spawn(yields);
        for _ in 0..50 {
            yield_now().await;
        }
        assert_eq!(one("polled").polls(), 42);
        task.abort();
    });
}

async fn named_after_its_function() {
    pending::<()>().await;
}

struct Server;

impl Server {
    async fn accept_loop<T>(_: T) {
        pending::<()>().await;
    }
}

#[test]
fn names() {
    current_thread().block_on(async {
        let mut set = JoinSet::new();
        set.spawn(named_after_its_function());
        set.spawn(Server::accept_loop(vec![1]));
        set.spawn(async { pending::<()>().await });
        set.spawn(Box::pin(named_after_its_function()));
        let number = 7;
        Builder::new()
            .name(format!("connection {number}"))
            .spawn_into(&mut set, pending());
        assert_eq!(live("registry::named_after_its_function").len(), 2);
        one("registry::Server::accept_loop");
        one("registry::names::{async block}");
        one("connection 7");
        let boxed: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(pending());
        set.spawn(boxed);
        let line = line!() - 1;
        one(&format!("task spawned at {}:{line}:13", file!()));
    });
}

#[test]
fn parents_and_ancestors() {
    fn names(task: &TaskInfo) -> Vec<&str> {
        task.ancestors()
            .iter()
            .map(|ancestor| ancestor.name())
            .collect()
    }
    for runtime in [current_thread, multi_thread] {
        runtime().block_on(async {
            let named = |name: &'static str| Builder::new().name(name);
            let first = named("first").spawn(async move {
                let closure = named("closure").spawn_blocking(move || {
                    named("second").spawn(async move {
                        named("third").spawn(pending::<()>());
                        pending::<()>().await;
                    })
                });
                let second = closure.await.unwrap();
                until(|| !live("third").is_empty()).await;
                second
            });
            let second = first.await.unwrap();
            // Two of the three have ended.
            assert_eq!(names(&one("third")), ["second", "closure", "first"]);
            second.abort();
            until(|| live("second").is_empty()).await;
            assert_eq!(names(&one("third")), ["second", "closure", "first"]);
        });
    }
}

/// A task that spawns its own successor is no chain that grows for ever.
#[test]
fn successors_stand_once_among_the_ancestors() {
    fn successor(left: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let name = if left == 0 {
                "last successor"
            } else {
                "successor"
            };
            let next = async move {
                if left == 0 {
                    pending::<()>().await;
                }
                successor(left - 1).await;
            };
            Builder::new().name(name).spawn(next);
        })
    }
    current_thread().block_on(async {
        successor(200).await;
        until(|| !live("last successor").is_empty()).await;
        let last = one("last successor");
        let ancestors: Vec<_> = last.ancestors().iter().map(|task| task.name()).collect();
        assert_eq!(ancestors, ["successor"]);
    });
}

/// Whoever reads the live set while tasks come and go sees whole records.
#[test]
fn live_tasks_under_churn() {
    const SPAWNERS: usize = 4;
    let stop = AtomicBool::new(false);
    let runtime = multi_thread();
    let stays = runtime.block_on(async {
        let stays = Builder::new().name("stays 0").data("number", "stays 0");
        stays.spawn(pending::<()>())
    });
    thread::scope(|scope| {
        for spawner in 0..SPAWNERS {
            let (runtime, stop) = (&runtime, &stop);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(SeqCst) {
                    let tasks: Vec<_> = (0..50)
                        .map(|_| {
                            number += 1;
                            let name = format!("churn {spawner} {number}");
                            let task = Builder::new().data("name", &name).name(name);
                            task.spawn_on(yield_now(), runtime.handle())
                        })
                        .collect();
                    runtime.block_on(async {
                        for task in tasks {
                            task.await.unwrap();
                        }
                    });
                }
            });
        }
        for _ in 0..300 {
            let tasks = live_tasks();
            let mut ids = HashSet::new();
            assert!(
                tasks.iter().all(|task| ids.insert(task.id())),
                "one task is there twice"
            );
            assert_eq!(
                tasks.iter().filter(|task| task.name() == "stays 0").count(),
                1
            );
            for task in tasks
                .iter()
                .filter(|task| task.name().starts_with("churn "))
            {
                assert_eq!(task.data().collect::<Vec<_>>(), [("name", task.name())]);
                assert_eq!(task.location().file(), file!());
                assert!(task.polls() <= 2);
            }
        }
        stop.store(true, SeqCst);
    });
    stays.abort();
    drop(runtime);
    assert!(
        live_tasks()
            .iter()
            .all(|task| !task.name().starts_with("churn "))
    );
}

/// Records are used again, ids are not.
#[test]
fn ids_are_never_given_twice() {
    current_thread().block_on(async {
        let mut ids = HashSet::new();
        for _ in 0..2000 {
            let task = Builder::new().name("one of many").spawn(pending::<()>());
            assert!(ids.insert(one("one of many").id()));
            task.abort();
            let _ = task.await;
        }
    });
}

/// Local spawns know the runtime that drives them.
#[test]
fn spawned_before_there_is_a_runtime() {
    let local = LocalSet::new();
    local.spawn_local(async {
        let inner = spawn_local(async {}.tracked());
        inner.await.unwrap();
    });
    current_thread().block_on(local);
}
