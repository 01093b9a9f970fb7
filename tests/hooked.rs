//! Hooked runtimes: every task on them is known, whoever spawned it. Everything here is spawned by plain
//! tokio, as a dependency would.
#![cfg(tokio_unstable)]
#![allow(
    clippy::async_yields_async,
    reason = "tasks hand out the handles of those they spawned"
)]

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use taskleak::__private::Harness;
use taskleak::runtime::{Builder, Runtime};
use taskleak::{Options, TaskInfo, TaskKind, TaskState, Track, find, live_tasks, verify_none};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

const GRACE: Duration = Duration::from_millis(60);

/// The report that something failed with; nothing if it did not fail.
fn report_of(test: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*panic.downcast::<String>().expect("a report is text"))
}

/// Runs the body as a `#[leak_test]` on both kinds of runtime; what each reports.
fn reports<F: Future<Output = ()>>(body: fn() -> F) -> [Option<String>; 2] {
    let harness = || Harness::new("crate::test").grace(GRACE);
    [
        report_of(|| harness().current_thread().run(body())),
        report_of(|| harness().multi_thread().run(body())),
    ]
}

#[track_caller]
fn assert_clean(reports: [Option<String>; 2]) {
    assert_eq!(reports, [None, None]);
}

/// The report counts so many tasks, all of them named.
#[track_caller]
fn assert_named(report: &str, tasks: &str) {
    assert!(
        report.starts_with(&format!("taskleak: {tasks} outlived")),
        "{report}"
    );
    assert!(!report.contains("did not see spawned"), "{report}");
}

/// The live tasks that were spawned on this line of this file.
fn live_at(line: u32) -> Vec<TaskInfo> {
    let mut tasks = live_tasks();
    tasks.retain(|task| task.location().file() == file!() && task.location().line() == line);
    tasks
}

mod a_plain_spawn {
    use super::*;

    #[test]
    fn that_leaks_is_named_with_its_spawn_site_and_backtrace() {
        async fn start_reaper() {
            tokio::spawn(pending::<()>());
        }
        let line = line!() - 2;
        for report in reports(|| async {
            start_reaper().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }) {
            let report = report.expect("it leaks");
            assert_named(&report, "1 task");
            let site = format!("tests/hooked.rs:{line}:");
            assert!(report.contains(&format!("--> {site}")), "{report}");
            assert!(report.contains("spawn backtrace:"), "{report}");
            assert!(report.contains("start_reaper"), "{report}");
            assert!(report.contains("state: parked"), "{report}");
            assert!(report.contains("polled 1 time,"), "{report}");
        }
    }

    #[test]
    fn that_ends_in_time_is_waited_for() {
        assert_clean(reports(|| async {
            tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
            tokio::spawn(async {
                tokio::spawn(tokio::time::sleep(Duration::from_millis(5)));
            });
        }));
    }

    #[test]
    fn that_is_joined_or_aborted_or_panics_is_gone() {
        assert_clean(reports(|| async {
            tokio::spawn(async {}).await.unwrap();
            tokio::spawn(pending::<()>()).abort();
            tokio::spawn(async { panic!("on purpose") })
                .await
                .unwrap_err();
        }));
    }

    #[test]
    fn says_how_often_it_was_polled() {
        let line = line!() + 5;
        Harness::new("crate::test").multi_thread().run(async {
            let (send, receive) = oneshot::channel::<()>();
            let yielded = Arc::new(Barrier::new(2));
            let there = yielded.clone();
            let task = tokio::spawn(async move {
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                assert_eq!(live_at(line)[0].state(), TaskState::Running);
                tokio::task::block_in_place(|| there.wait());
                receive.await.unwrap();
            });
            tokio::task::block_in_place(|| yielded.wait());
            while live_at(line)[0].state() != TaskState::Pending {
                tokio::task::yield_now().await;
            }
            let seen = &live_at(line)[0];
            assert_eq!(seen.kind(), TaskKind::Hooked);
            assert_eq!(seen.polls(), 5);
            assert!(seen.last_poll().is_some());
            assert_eq!(seen.scope(), Some("test"));
            assert_eq!(
                seen.tokio_id(),
                Some(task.id().to_string().parse().unwrap())
            );
            send.send(()).unwrap();
            task.await.unwrap();
        });
    }
}

/// What the hooks do not tell of a task, debug info does: the cells "named" and "await point" of the README's table.
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod by_the_census {
    use super::*;
    use taskleak::Liveness;
    use tokio::sync::Notify;

    const DECLARED: u32 = line!() + 1;
    async fn listen(door: Arc<Notify>) {
        knock(&door).await;
    }

    async fn knock(door: &Notify) {
        door.notified().await;
    }

    #[test]
    fn a_task_is_named_with_where_it_is_declared_and_what_it_awaits() {
        let line = line!() + 3;
        for report in reports(|| async {
            let door = Arc::new(Notify::new());
            tokio::spawn(listen(door.clone()));
            tokio::time::sleep(Duration::from_millis(5)).await;
            std::mem::forget(door);
        }) {
            let report = report.expect("it leaks");
            assert_named(&report, "1 task");
            let seen = report.split_once("\nleak: ").unwrap().1;
            let lines: Vec<&str> = seen.lines().map(str::trim_start).collect();
            let has = |wanted: &str| {
                let is_there = lines.iter().any(|line| line.starts_with(wanted));
                assert!(is_there, "no line begins with {wanted:?} in\n{report}");
            };
            has("`hooked::by_the_census::listen`");
            has(&format!("--> tests/hooked.rs:{line}:"));
            has(&format!("= declared: tests/hooked.rs:{DECLARED}"));
            has("= state: parked, alive for");
            has("= waits in:");
            let at = |name: &str, line: u32| {
                let line = format!("tests/hooked.rs:{line}");
                let is_there = lines
                    .iter()
                    .any(|seen| seen.starts_with(name) && seen.ends_with(&line));
                assert!(is_there, "{name} does not wait at {line} in\n{report}");
            };
            at("hooked::by_the_census::listen ", DECLARED + 1);
            at("hooked::by_the_census::knock ", DECLARED + 5);
            has("tokio::sync::notify::Notified");
            has("= spawn backtrace:");
        }
    }

    #[test]
    fn one_that_is_let_in_is_gone() {
        assert_clean(reports(|| async {
            let door = Arc::new(Notify::new());
            tokio::spawn(listen(door.clone()));
            tokio::time::sleep(Duration::from_millis(5)).await;
            door.notify_one();
        }));
    }

    /// Of two kinds that are spawned at one place, each is told.
    #[test]
    fn tasks_of_one_spawn_site_are_told_apart() {
        for report in reports(|| async {
            fn start(future: impl Future<Output = ()> + Send + 'static) {
                tokio::spawn(future);
            }
            let door = Arc::new(Notify::new());
            for _ in 0..3 {
                start(listen(door.clone()));
            }
            start(pending());
            tokio::time::sleep(Duration::from_millis(5)).await;
            std::mem::forget(door);
        }) {
            let report = report.expect("all leak");
            assert_named(&report, "4 tasks");
            let many = "leak 1 of 2: 3 tasks `hooked::by_the_census::listen`\n";
            let one = "leak 2 of 2: `core::future::pending::Pending`\n";
            assert!(report.contains(many) && report.contains(one), "{report}");
        }
    }

    #[test]
    fn one_that_nobody_can_wake_is_proved_so() {
        let left = |door: Option<Arc<Notify>>| {
            let guard = verify_none().grace(Duration::ZERO);
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            let report = runtime.block_on(async {
                match door {
                    Some(door) => drop(tokio::spawn(listen(door))),
                    None => drop(tokio::spawn(pending::<()>())),
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                find(Options::new().grace(GRACE)).unwrap_err()
            });
            drop(runtime);
            guard.finish_blocking();
            report.leaks()[0].liveness()
        };
        assert_eq!(left(None), Liveness::Orphan);
        assert_eq!(left(Some(Arc::default())), Liveness::Wakeable);
    }

    /// As for tasks that nobody saw spawned: the name is known at the verdict.
    #[test]
    fn rules_hold_for_its_name() {
        let ignoring = |glob: &str| {
            let harness = Harness::new("crate::test").grace(GRACE).ignore(glob);
            report_of(|| {
                harness.multi_thread().run(async {
                    tokio::spawn(listen(Arc::default()));
                });
            })
        };
        assert_eq!(ignoring("hooked::by_the_census::lis*"), None);
        assert_eq!(ignoring("task spawned at */hooked.rs:*"), None);
        assert_named(&ignoring("hooked::a_plain_spawn::*").unwrap(), "1 task");
        let report = report_of(|| {
            let guard = verify_none().grace(GRACE);
            let guard = guard.ignore_if(|task| task.declared().is_some());
            let runtime = Runtime::new().unwrap();
            runtime.block_on(async {
                tokio::spawn(listen(Arc::default()));
                guard.finish().await;
            });
        });
        assert_eq!(report, None);
    }

    /// On a runtime that several tests share, and outside of it, there is only what the hooks tell; the report says why.
    #[test]
    fn what_is_out_of_reach_is_named_by_its_place() {
        let shared = thread::spawn(|| Runtime::new().unwrap()).join().unwrap();
        let left = |ends_inside: bool| {
            report_of(|| {
                let mut guard = Some(verify_none().grace(GRACE));
                shared.block_on(async {
                    tokio::spawn(pending::<()>());
                    if ends_inside && let Some(guard) = guard.take() {
                        guard.finish().await;
                    }
                });
                if let Some(guard) = guard {
                    guard.finish_blocking();
                }
            })
        };
        let outside = left(false).expect("it leaks");
        assert!(
            outside.contains("`task spawned at tests/hooked.rs:"),
            "{outside}"
        );
        let why = "have no names here: their runtime is not the test's own";
        assert!(outside.contains(why), "{outside}");
        let inside = left(true).expect("it leaks");
        assert!(
            inside.contains("`core::future::pending::Pending`"),
            "{inside}"
        );
        assert!(!inside.contains("note:"), "{inside}");
    }
}

mod a_nested_spawn {
    use super::*;

    #[test]
    fn has_its_parent_and_scope() {
        for report in reports(|| async {
            let parent = tokio::spawn(async {
                tokio::spawn(pending::<()>());
            });
            parent.await.unwrap();
        }) {
            let report = report.expect("it leaks");
            assert_named(&report, "1 task");
            assert!(
                report.contains("spawned by: task spawned at tests/hooked.rs:"),
                "{report}"
            );
        }
    }

    #[test]
    fn of_a_tracked_task_by_a_plain_one_and_the_other_way_round() {
        for report in reports(|| async {
            let parent = tokio::spawn(async { taskleak::spawn(pending::<()>()) });
            parent.await.unwrap();
            let parent = taskleak::spawn(async { tokio::spawn(pending::<()>()) });
            parent.await.unwrap();
        }) {
            let report = report.expect("both leak");
            assert_named(&report, "2 tasks");
            assert!(
                report.contains("`core::future::pending::Pending`"),
                "{report}"
            );
            assert!(report.contains("spawned by: task spawned at"), "{report}");
            assert!(report.contains("spawned by: hooked::"), "{report}");
        }
    }

    /// A runtime inside a task's `block_in_place`: the polls of its tasks lie inside the task's own.
    #[test]
    fn on_a_runtime_inside_a_task() {
        let report = report_of(|| {
            Harness::new("crate::test")
                .multi_thread()
                .grace(GRACE)
                .run(async {
                    let outer = tokio::spawn(async {
                        tokio::task::block_in_place(|| {
                            let inner = Builder::new_current_thread().build().unwrap();
                            inner.block_on(async { tokio::spawn(async {}).await.unwrap() });
                        });
                        tokio::spawn(pending::<()>());
                    });
                    outer.await.unwrap();
                });
        });
        let report = report.expect("one leaks");
        assert_named(&report, "1 task");
        assert_eq!(report.matches("spawned by:").count(), 1, "{report}");
    }
}

mod spawned_from_elsewhere {
    use super::*;

    fn from_a_thread<T: Send + 'static>(spawn: impl FnOnce() -> T + Send + 'static) -> T {
        thread::spawn(spawn).join().unwrap()
    }

    #[test]
    fn from_a_plain_thread_it_is_the_runtimes_owners() {
        for report in reports(|| async {
            let handle = Handle::current();
            from_a_thread(move || handle.spawn(pending::<()>()));
        }) {
            assert_named(&report.expect("it leaks"), "1 task");
        }
        assert_clean(reports(|| async {
            let handle = Handle::current();
            from_a_thread(move || handle.spawn(async {}));
        }));
    }

    /// A closure on the blocking pool is no task of the hooks, though they are told of its end.
    #[test]
    fn on_the_blocking_pool() {
        for report in reports(|| async {
            let closure = tokio::task::spawn_blocking(|| tokio::spawn(pending::<()>()));
            closure.await.unwrap();
        }) {
            assert_named(&report.expect("it leaks"), "1 task");
        }
        assert_clean(reports(|| async {
            for _ in 0..100 {
                tokio::task::spawn_blocking(|| ()).await.unwrap();
            }
        }));
    }

    /// A task on a runtime that two tests share is the one's that spawned it.
    #[test]
    fn by_tests_in_parallel_on_one_runtime() {
        static SHARED: std::sync::LazyLock<Runtime> = std::sync::LazyLock::new(|| {
            Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap()
        });
        // Whoever builds a runtime is its owner: nobody.
        thread::spawn(|| _ = SHARED.handle()).join().unwrap();
        let together = Arc::new(Barrier::new(2));
        let test = |leaks: bool| {
            let together = together.clone();
            thread::spawn(move || {
                report_of(|| {
                    let guard = verify_none().grace(GRACE);
                    together.wait();
                    SHARED.block_on(async {
                        for _ in 0..50 {
                            tokio::spawn(async { tokio::spawn(async {}).await })
                                .await
                                .unwrap()
                                .unwrap();
                        }
                        if leaks {
                            tokio::spawn(async {
                                tokio::spawn(pending::<()>());
                            });
                        }
                    });
                    together.wait();
                    guard.finish_blocking();
                })
            })
        };
        let (leaky, fixed) = (test(true), test(false));
        assert_named(&leaky.join().unwrap().expect("it leaks"), "1 task");
        assert_eq!(fixed.join().unwrap(), None);
    }
}

mod once {
    use super::*;

    /// A tracked task is seen by the hook too, and is one task.
    #[test]
    fn a_tracked_task() {
        for report in reports(|| async {
            taskleak::spawn(pending::<()>());
            let mut set = taskleak::task::JoinSet::new();
            set.spawn(pending::<()>());
            std::mem::forget(set);
        }) {
            assert_named(&report.expect("it leaks"), "2 tasks");
        }
    }

    #[test]
    fn a_marked_future_is_its_task() {
        for report in reports(|| async {
            tokio::spawn(pending::<()>().tracked_as("marked"));
            tokio::spawn(pending::<()>().tracked_as(format!("marked {}", 2)));
            tokio::spawn(async {
                let part = tokio::task::yield_now().tracked_as("part");
                part.await;
                pending::<()>().tracked_as("no other task").await;
            });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }) {
            let report = report.expect("all leak");
            assert_named(&report, "3 tasks");
            for name in ["`marked`", "`marked 2`", "`part`"] {
                assert!(report.contains(name), "{report}");
            }
        }
        assert_clean(reports(|| async {
            tokio::spawn(async {}.tracked_as("marked"));
            drop(pending::<()>().tracked_as("never spawned"));
        }));
    }

    /// A marked future belongs to the scope where it was marked, wherever it is spawned.
    #[test]
    fn a_marked_future_moves_to_its_scope() {
        let runtime = thread::spawn(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap()
        });
        let runtime = runtime.join().unwrap();
        let test = |future: fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
            report_of(|| {
                let _guard = verify_none().grace(GRACE);
                let marked = future().tracked_as("marked");
                let handle = runtime.handle().clone();
                thread::spawn(move || handle.spawn(marked)).join().unwrap();
            })
        };
        let report = test(|| Box::pin(pending())).expect("it leaks");
        assert_named(&report, "1 task");
        assert!(report.contains("`marked`"), "{report}");
        assert_eq!(test(|| Box::pin(async {})), None);
    }

    #[test]
    fn a_task_that_opens_a_guard() {
        for report in reports(|| async {
            let task = tokio::spawn(async {
                let inner = verify_none().grace(GRACE);
                tokio::spawn(pending::<()>()).abort();
                inner.finish().await;
                let inner = verify_none().grace(GRACE);
                tokio::spawn(pending::<()>());
                let failed = tokio::spawn(inner.finish());
                failed.await.unwrap_err();
            });
            task.await.unwrap();
        }) {
            assert_eq!(report, None, "the inner guard has judged it");
        }
    }
}

mod the_end_of_a_runtime {
    use super::*;

    #[test]
    fn ends_its_tasks() {
        for build in [Builder::new_current_thread, Builder::new_multi_thread] {
            let guard = verify_none().grace(GRACE);
            let runtime = build().enable_all().build().unwrap();
            let line = line!() + 2;
            runtime.block_on(async {
                tokio::spawn(pending::<()>());
            });
            assert_eq!(live_at(line).len(), 1);
            let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
            assert_named(&report.to_string(), "1 task");
            drop(runtime);
            assert_eq!(live_at(line).len(), 0);
            guard.finish_blocking();
        }
    }

    /// The hooks are told of the end first, and of the beginning then.
    #[test]
    fn refuses_new_ones() {
        struct SpawnsInItsEnd(Handle);

        impl Drop for SpawnsInItsEnd {
            fn drop(&mut self) {
                self.0.spawn(pending::<()>());
            }
        }
        const SPAWNED_IN_ITS_END: u32 = line!() - 3;

        for build in [Builder::new_current_thread, Builder::new_multi_thread] {
            let guard = verify_none().grace(GRACE);
            let runtime = build().enable_all().build().unwrap();
            let handle = runtime.handle().clone();
            drop(runtime);
            let refused = handle.spawn(pending::<()>());
            assert!(refused.is_finished());
            let own = taskleak::task::Builder::new().spawn_on(pending::<()>(), &handle);
            assert!(own.is_finished());
            // What a refused task's destructor spawns on another runtime is another task.
            let other = build().enable_all().build().unwrap();
            let end = SpawnsInItsEnd(other.handle().clone());
            let line = SPAWNED_IN_ITS_END;
            let task = async move {
                let _end = end;
                pending::<()>().await;
            };
            taskleak::task::Builder::new().spawn_on(task, &handle);
            assert_eq!(live_at(line).len(), 1);
            drop(other);
            guard.finish_blocking();
        }
    }

    /// Threads spawn while another one shuts the runtime down: no task is left on record.
    #[test]
    fn beside_threads_that_spawn() {
        for _ in 0..50 {
            let guard = verify_none().grace(GRACE);
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .build()
                .unwrap();
            let begin = Arc::new(Barrier::new(3));
            let spawners = [0, 1].map(|_| {
                let (handle, begin) = (runtime.handle().clone(), begin.clone());
                thread::spawn(move || {
                    begin.wait();
                    while !handle.spawn(pending::<()>()).is_finished() {}
                })
            });
            begin.wait();
            thread::yield_now();
            drop(runtime);
            for spawner in spawners {
                spawner.join().unwrap();
            }
            guard.finish_blocking();
        }
    }

    #[test]
    fn goes_on_as_a_runtime_of_tokios_own() {
        let guard = verify_none().grace(GRACE);
        let runtime = Runtime::new().unwrap().into_inner();
        let line = line!() + 1;
        let leak = runtime.spawn(pending::<()>());
        assert_eq!(live_at(line).len(), 1);
        leak.abort();
        guard.finish_blocking();
    }
}

mod hooks_of_the_users {
    use super::*;

    #[test]
    fn are_called_too() {
        let counts = Arc::new([const { AtomicUsize::new(0) }; 5]);
        let count = |which: usize| {
            let counts = counts.clone();
            move |_: &tokio::runtime::TaskMeta<'_>| {
                counts[which].fetch_add(1, SeqCst);
            }
        };
        let mut builder = Builder::new_current_thread();
        builder
            .on_task_spawn(count(4))
            .on_task_spawn(count(0))
            .on_before_task_poll(count(1))
            .on_after_task_poll(count(2))
            .on_task_terminate(count(3));
        // A builder can build more than once.
        drop(builder.build().unwrap());
        let guard = verify_none().grace(GRACE);
        let runtime = builder.build().unwrap();
        let line = line!() + 2;
        runtime.block_on(async {
            tokio::spawn(pending::<()>());
            tokio::spawn(async {}).await.unwrap();
        });
        assert_eq!(live_at(line).len(), 1);
        let seen = || [0, 1, 2, 3, 4].map(|which| counts[which].load(SeqCst));
        assert_eq!(seen(), [2, 2, 2, 1, 0]);
        drop(runtime);
        assert_eq!(seen(), [2, 2, 2, 2, 0]);
        guard.finish_blocking();
    }

    /// tokio's own builder has one place for each hook: then the runtime is not hooked, and its tasks
    /// are counted.
    #[test]
    fn on_tokios_own_builder_are_left_alone() {
        for lost in 0..4 {
            let called = Arc::new(AtomicUsize::new(0));
            let there = called.clone();
            let hook = move |_: &tokio::runtime::TaskMeta<'_>| {
                there.fetch_add(1, SeqCst);
            };
            let report = report_of(|| {
                let guard = verify_none().grace(GRACE);
                let runtime = Builder::new_current_thread()
                    .configure(|tokio| {
                        match lost {
                            0 => tokio.on_task_spawn(hook),
                            1 => tokio.on_before_task_poll(hook),
                            2 => tokio.on_after_task_poll(hook),
                            _ => tokio.on_task_terminate(hook),
                        };
                    })
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    tokio::spawn(async {}).await.unwrap();
                    tokio::spawn(pending::<()>());
                });
                guard.finish_blocking();
            });
            let report = report.expect("it leaks");
            assert!(
                report.contains("1 task is alive that taskleak did not see"),
                "{report}"
            );
            assert!(called.load(SeqCst) > 0, "hook {lost}");
        }
    }

    /// A task whose spawn hook panics stays with its runtime and never runs.
    #[test]
    fn may_panic() {
        let report = report_of(|| {
            let guard = verify_none().grace(GRACE);
            let runtime = Builder::new_current_thread()
                .on_task_spawn(|_| panic!("on purpose"))
                .build()
                .unwrap();
            runtime.block_on(async {
                catch_unwind(|| tokio::spawn(pending::<()>())).unwrap_err();
                catch_unwind(|| taskleak::spawn(pending::<()>())).unwrap_err();
            });
            guard.finish_blocking();
        });
        let report = report.expect("they leak");
        assert_named(&report, "2 tasks");
        assert_eq!(report.matches("state: never polled").count(), 2, "{report}");

        let guard = verify_none().grace(GRACE);
        let runtime = Builder::new_multi_thread()
            .on_task_terminate(|_| panic!("on purpose"))
            .build()
            .unwrap();
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
        guard.finish_blocking();
    }
}

mod without_grace {
    use super::*;

    /// Nothing can tell a task that is about to end from a leak there.
    #[test]
    fn they_are_only_noted() {
        let dropped = |leaks: bool| {
            report_of(move || {
                Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async {
                        let _guard = verify_none();
                        let task = tokio::spawn(pending::<()>());
                        tokio::task::yield_now().await;
                        if leaks {
                            taskleak::spawn(pending::<()>());
                            tokio::task::yield_now().await;
                        } else {
                            task.abort();
                        }
                    });
            })
        };
        assert_eq!(dropped(false), None);
        let report = dropped(true).expect("the tracked one leaks");
        assert_named(&report, "1 task");
        assert!(
            report.contains("note: 1 task is alive, and may be about to end"),
            "{report}"
        );
        let name = "\n  core::future::pending::Pending (tests/hooked.rs:";
        assert!(report.contains(name), "{report}");
        assert!(report.contains("\n    = state: parked"), "{report}");
    }

    /// Where the guard is awaited, there is.
    #[test]
    fn but_a_finished_guard_has_one() {
        let finished = |leaks: bool| {
            report_of(move || {
                Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(async {
                        let guard = verify_none().grace(GRACE);
                        let task = tokio::spawn(pending::<()>());
                        if !leaks {
                            task.abort();
                        }
                        guard.finish().await;
                    });
            })
        };
        assert_eq!(finished(false), None);
        assert_named(&finished(true).expect("it leaks"), "1 task");
    }
}

mod ids {
    use super::*;

    /// A million tasks come and go, and what is on record in the end is what lives.
    #[test]
    fn come_and_go_by_the_million() {
        let guard = verify_none().grace(Duration::from_secs(10));
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap();
        let line = line!() + 5;
        runtime.block_on(async {
            let spawn = |_| {
                tokio::spawn(async {
                    for _ in 0..100_000 {
                        tokio::spawn(async {});
                        tokio::task::coop::consume_budget().await;
                    }
                })
            };
            let leak = tokio::spawn(pending::<()>());
            for spawner in (0..10).map(spawn).collect::<Vec<_>>() {
                spawner.await.unwrap();
            }
            leak.abort();
        });
        guard.finish_blocking();
        assert_eq!(live_at(line).len(), 0);
    }
}

/// Local tasks of a local runtime are its hooks' too; those of a `LocalSet` are not.
#[test]
fn local_tasks() {
    let test = |leaks: bool| {
        report_of(move || {
            Harness::new("crate::test")
                .local()
                .grace(GRACE)
                .run(async move {
                    let task = tokio::task::spawn_local(pending::<()>());
                    if !leaks {
                        task.abort();
                    }
                });
        })
    };
    assert_named(&test(true).expect("it leaks"), "1 task");
    assert_eq!(test(false), None);
    assert_clean(reports(|| async {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async { tokio::task::spawn_local(async {}).await.unwrap() })
            .await;
        local
            .run_until(async { taskleak::task::spawn_local(async {}).await.unwrap() })
            .await;
    }));
}
