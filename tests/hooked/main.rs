//! Hooked runtimes: every task on them is known, whoever spawned it. Everything here is spawned by plain
//! tokio, as a dependency would.
#![cfg(tokio_unstable)]
#![allow(
    clippy::async_yields_async,
    reason = "tasks hand out the handles of those they spawned"
)]

mod a_nested_spawn;
mod a_plain_spawn;
#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod by_the_census;
mod hooks_of_the_users;
mod how_it_ended;
mod ids;
mod once;
mod spawned_from_elsewhere;
mod the_end_of_a_runtime;
mod without_grace;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
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

/// Of tests that leak.
const GRACE: Duration = Duration::from_millis(60);
/// Of those that don't: they wait no longer than they have to.
const LONG: Duration = Duration::from_secs(60);

/// The report that something failed with; nothing if it did not fail.
fn report_of(test: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(test)).err()?;
    Some(*panic.downcast::<String>().expect("a report is text"))
}

/// Runs the body as a `#[leak_test]` on both kinds of runtime; what each reports.
fn reports<F: Future<Output = ()>>(body: fn() -> F) -> [Option<String>; 2] {
    reports_after(GRACE, body)
}

fn reports_after<F: Future<Output = ()>>(grace: Duration, body: fn() -> F) -> [Option<String>; 2] {
    let harness = || Harness::new("crate::test").grace(grace);
    [
        report_of(|| harness().current_thread().run(body())),
        report_of(|| harness().multi_thread().run(body())),
    ]
}

#[track_caller]
fn assert_clean<F: Future<Output = ()>>(body: fn() -> F) {
    assert_eq!(reports_after(LONG, body), [None, None]);
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

/// The live tasks that were spawned on this line of the file that asks.
#[track_caller]
fn live_at(line: u32) -> Vec<TaskInfo> {
    let file = Location::caller().file();
    let mut tasks = live_tasks();
    tasks.retain(|task| task.location().file() == file && task.location().line() == line);
    tasks
}

/// Local tasks of a local runtime are its hooks' too; those of a `LocalSet` are not.
#[test]
fn local_tasks() {
    let test = |leaks: bool| {
        report_of(move || {
            Harness::new("crate::test")
                .local()
                .grace(if leaks { GRACE } else { LONG })
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
    assert_clean(|| async {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async { tokio::task::spawn_local(async {}).await.unwrap() })
            .await;
        local
            .run_until(async { taskleak::task::spawn_local(async {}).await.unwrap() })
            .await;
    });
}
