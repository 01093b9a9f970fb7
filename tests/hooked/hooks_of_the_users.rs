//! The user's own hooks, beside taskleak's.

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
    let guard = verify_none().grace(LONG);
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

/// So they are on a builder that has built a runtime which still lives, with hooks of ours.
#[test]
fn on_tokios_own_builder_are_left_alone_when_it_builds_again() {
    let mut builder = Builder::new_current_thread();
    let first = builder.build().unwrap();
    for both in [false, true] {
        let called = Arc::new(AtomicUsize::new(0));
        let hook = || {
            let there = called.clone();
            move |_: &tokio::runtime::TaskMeta<'_>| _ = there.fetch_add(1, SeqCst)
        };
        builder.configure(|tokio| {
            tokio.on_task_spawn(hook());
            if both {
                tokio.on_task_terminate(hook());
            }
        });
        let second = builder.build().unwrap();
        second.block_on(async { tokio::spawn(async {}).await.unwrap() });
        assert_eq!(called.load(SeqCst), 1 + usize::from(both));
    }
    // What the first one calls is its own.
    let line = line!() + 1;
    let leak = first.block_on(async { tokio::spawn(pending::<()>()) });
    assert_eq!(live_at(line).len(), 1);
    leak.abort();
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

    let guard = verify_none().grace(LONG);
    let runtime = Builder::new_multi_thread()
        .on_task_terminate(|_| panic!("on purpose"))
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
    guard.finish_blocking();
}
