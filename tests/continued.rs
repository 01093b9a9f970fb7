//! Where a task's own answer ends, debug info goes on: into futures that take no waker, or that their owner does not poll
//! until they were woken.
#![cfg(all(
    feature = "census",
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    // Optimised builds put equal functions together, and types with them.
    debug_assertions
))]

use futures::future::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use pretty_assertions::assert_eq;
use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use taskleak::{
    Action, AwaitNode, AwaitTrace, Dump, LeakReport, TaskInfo, TraceSource, WaitsFor, verify_none,
};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Notify, oneshot};

const GRACE: Duration = Duration::from_millis(50);

/// The trees of the task, each line marked where it is by debug info.
fn text(trace: &AwaitTrace) -> String {
    fn add(text: &mut String, nodes: &[AwaitNode], depth: usize) {
        for node in nodes {
            let mark = match node.source() {
                TraceSource::Census => '+',
                _ => ' ',
            };
            *text += &format!("{mark}{:1$}{2}\n", "", depth * 2, node.function());
            add(text, node.children(), depth + 1);
        }
    }
    let mut all = String::new();
    add(&mut all, trace.roots(), 0);
    all
}

fn runtimes() -> [Runtime; 2] {
    let current_thread = tokio::runtime::Builder::new_current_thread();
    let mut multi_thread = tokio::runtime::Builder::new_multi_thread();
    multi_thread.worker_threads(2);
    [current_thread, multi_thread].map(|mut builder| builder.enable_all().build().unwrap())
}

/// What a guard finds of the one task that is spawned: on both runtimes, whether it ends inside or is dropped there.
fn reports<F>(spawn: impl Fn() -> F) -> Vec<LeakReport>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut reports = Vec::new();
    for runtime in runtimes() {
        for is_dropped in [false, true] {
            reports.push(answered_report(&runtime, is_dropped, &spawn));
        }
    }
    reports
}

/// One of them; another if the machine was too busy for the task to answer.
fn answered_report<F>(runtime: &Runtime, is_dropped: bool, spawn: &impl Fn() -> F) -> LeakReport
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let found = Arc::new(std::sync::Mutex::new(None));
        let noted = found.clone();
        runtime.block_on(async {
            let guard = verify_none()
                .grace(GRACE)
                .on_leak(Action::Warn)
                .cleanup(move |report| *noted.lock().unwrap() = Some(report.clone()));
            taskleak::task::Builder::new().name("stuck").spawn(spawn());
            tokio::task::yield_now().await;
            if is_dropped {
                drop(guard);
            } else {
                guard.finish().await;
            }
        });
        let report: LeakReport = found.lock().unwrap().take().expect("it leaks");
        let tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
        if !tasks.into_iter().any(TaskInfo::is_silent) {
            return report;
        }
    }
}

#[track_caller]
fn check<F>(spawn: impl Fn() -> F, trace: &str, waits_for: Option<WaitsFor>)
where
    F: Future<Output = ()> + Send + 'static,
{
    for report in reports(spawn) {
        let [leak] = report.leaks() else {
            panic!("{report}");
        };
        let found = leak.await_trace().map(text).unwrap_or_default();
        assert_eq!(found, trace, "{report}");
        assert_eq!(leak.waits_for(), waits_for, "{report}");
    }
}

async fn forever() {
    pending::<()>().await;
}

async fn notified(notify: Arc<Notify>) {
    notify.notified().await;
}

async fn answered(shared: futures::future::Shared<oneshot::Receiver<()>>) {
    let _ = shared.await;
}

#[test]
fn a_future_that_takes_no_waker_is_seen() {
    check(
        forever,
        "+continued::forever\n+  std::future::Pending\n",
        Some(WaitsFor::Pending),
    );
    check(
        || async { poll_fn(|_| Poll::Pending).await },
        "+continued::a_future_that_takes_no_waker_is_seen::{async block}\n",
        Some(WaitsFor::Pending),
    );
}

#[test]
fn what_a_set_of_futures_does_not_poll_is_seen() {
    check(
        || async {
            let notify = Arc::new(Notify::new());
            let (_sender, receiver) = oneshot::channel();
            let mut set = FuturesUnordered::new();
            set.push(notified(notify.clone()).boxed());
            set.push(notified(notify.clone()).boxed());
            set.push(answered(receiver.shared()).boxed());
            while set.next().await.is_some() {}
        },
        " continued::what_a_set_of_futures_does_not_poll_is_seen::{async block}
   futures_util::stream::Next
+    continued::answered
+      futures_util::future::Shared
+        tokio::sync::oneshot::Receiver
+    continued::notified
+      tokio::sync::Notified\n",
        Some(WaitsFor::Oneshot),
    );
}

/// A poll calls this block by its function, debug info calls it a block.
#[allow(clippy::manual_async_fn, reason = "it is called differently")]
fn block() -> impl Future<Output = ()> + Send {
    async {
        let mut set = FuturesUnordered::new();
        set.push(notified(Arc::default()));
        set.next().await;
    }
}

struct Conn;

impl Conn {
    async fn run() {
        let mut set = FuturesUnordered::new();
        set.push(notified(Arc::default()));
        set.next().await;
    }
}

#[test]
fn what_is_called_differently_is_the_same() {
    for report in reports(block).into_iter().chain(reports(Conn::run)) {
        let found = text(report.leaks()[0].await_trace().unwrap());
        let (_, inside) = found.split_once("futures_util::stream::Next\n").unwrap();
        assert_eq!(
            inside, "+    continued::notified\n+      tokio::sync::Notified\n",
            "{report}"
        );
    }
}

#[test]
fn what_is_shared_is_seen_by_all_who_share_it() {
    check(
        || async {
            let (_sender, receiver) = oneshot::channel();
            let shared = receiver.shared();
            tokio::join!(answered(shared.clone()), answered(shared), async {
                tokio::time::sleep(Duration::from_secs(3600)).await;
            });
        },
        " continued::what_is_shared_is_seen_by_all_who_share_it::{async block}
   continued::answered
     futures_util::future::Shared
+      tokio::sync::oneshot::Receiver
   continued::what_is_shared_is_seen_by_all_who_share_it::{closure}
     tokio::time::Sleep\n",
        Some(WaitsFor::Oneshot),
    );
}

#[test]
fn an_answer_that_comes_to_its_leaf_stands_alone() {
    let lock = Arc::new(Mutex::new(()));
    let held = lock.clone().try_lock_owned().unwrap();
    check(
        || {
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        },
        " continued::an_answer_that_comes_to_its_leaf_stands_alone::{async block}
   tokio::sync::Mutex::lock\n",
        Some(WaitsFor::Lock),
    );
    drop(held);
}

#[test]
fn a_task_whose_runtime_stands_still_is_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let task = runtime.block_on(async {
        let task = taskleak::task::Builder::new().name("stands still");
        let task = task.spawn(notified(Arc::default()));
        tokio::task::yield_now().await;
        task.abort_handle()
    });
    let dump = taskleak::dump_blocking();
    let group = dump.groups().iter();
    let group = group.filter(|group| group.name() == "stands still");
    let [group] = group.collect::<Vec<_>>()[..] else {
        panic!("{dump}");
    };
    assert_eq!(
        group.await_trace().map(text).unwrap_or_default(),
        "+continued::notified\n+  tokio::sync::Notified\n",
        "{dump}"
    );
    assert_eq!(group.waits_for(), Some(WaitsFor::Notify));
    assert!(
        dump.to_string()
            .contains("(by debug info: it was woken, and its runtime did not poll it in time)"),
        "{dump}"
    );
    task.abort();
}

#[test]
fn a_report_says_which_of_both_it_shows() {
    let set = || async {
        let mut set = FuturesUnordered::new();
        set.push(notified(Arc::default()));
        set.next().await;
    };
    for report in reports(set) {
        let text = report.to_string();
        assert!(text.contains("(inside, by debug info:)"), "{text}");
    }
    for report in reports(forever) {
        let text = report.to_string();
        assert!(text.contains("waits in: (by debug info)"), "{text}");
    }
}

#[tokio::test]
async fn a_dump_goes_on_too() {
    let task = taskleak::task::Builder::new()
        .name("dumped for ever")
        .spawn(forever());
    tokio::task::yield_now().await;
    let trace = |dump: &Dump| {
        let mut tasks = dump.tasks();
        let task = tasks.find(|task| task.name() == "dumped for ever").unwrap();
        task.await_trace().map(text).unwrap_or_default()
    };
    let expected = "+continued::forever\n+  std::future::Pending\n";
    assert_eq!(trace(&taskleak::dump().await), expected);
    let blocking = tokio::task::spawn_blocking(taskleak::dump_blocking);
    assert_eq!(trace(&blocking.await.unwrap()), expected);
    task.abort();
}
