//! Who has the other half of what a leaked task waits for, read by debug info.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions,
    feature = "census"
))]

use std::sync::Arc;
use std::time::{Duration, Instant};
use taskleak::{
    Action, Leak, LeakReport, Options, OtherHalf, TaskInfo, WaitsFor, find, verify_none,
};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// What is found of tasks that all came to answer.
fn report() -> LeakReport {
    report_where(|_| true)
}

/// The same once that holds of it, or the last of many: a task is passed over while it is being polled.
fn report_where(holds: impl Fn(&LeakReport) -> bool) -> LeakReport {
    let begun = Instant::now();
    loop {
        let report = find(Options::new().grace(Duration::from_millis(50))).unwrap_err();
        let mut tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
        let is_answered = !tasks.any(TaskInfo::is_silent);
        if begun.elapsed() > LONG || is_answered && holds(&report) {
            return report;
        }
    }
}

fn leak<'a>(report: &'a LeakReport, name: &str) -> &'a Leak {
    report
        .leaks()
        .iter()
        .find(|leak| leak.name().ends_with(name))
        .unwrap_or_else(|| panic!("no {name} in {report}"))
}

async fn own_sender(sender: mpsc::Sender<()>, mut receiver: mpsc::Receiver<()>) {
    receiver.recv().await;
    drop(sender);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_owns_its_own_sender_waits_for_ever() {
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel(1);
    let task = taskleak::spawn(own_sender(sender, receiver));
    let report = report_where(|report| leak(report, "own_sender").is_likely_deadlocked());
    let leak = leak(&report, "own_sender");
    assert!(leak.is_likely_deadlocked(), "{report}");
    assert_eq!(leak.owners().len(), 1, "{report}");
    assert_eq!(leak.owners()[0].half(), OtherHalf::Sender);
    assert!(
        report
            .to_string()
            .contains("this very task seems to have a sender"),
        "{report}"
    );
    task.abort();
    drop(guard.on_leak(Action::Warn));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_somebody_else_has_may_still_send() {
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel(1);
    let task = taskleak::spawn(own_sender(sender.clone(), receiver));
    let report = report();
    assert!(
        !leak(&report, "own_sender").is_likely_deadlocked(),
        "{report}"
    );
    sender.send(()).await.unwrap();
    task.await.unwrap();
    guard.finish().await;
}

async fn keeper(lock: Arc<Mutex<()>>, go_on: Arc<Notify>, arrived: oneshot::Sender<()>) {
    let _kept = lock.lock().await;
    _ = arrived.send(());
    go_on.notified().await;
}

async fn waiter(lock: Arc<Mutex<()>>) {
    drop(lock.lock().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_task_that_keeps_a_guard_is_named_although_it_can_go_on() {
    let guard = verify_none();
    let (lock, go_on) = (Arc::new(Mutex::new(())), Arc::new(Notify::new()));
    let (arrived, has_arrived) = oneshot::channel();
    taskleak::spawn(keeper(lock.clone(), go_on.clone(), arrived));
    has_arrived.await.unwrap();
    taskleak::spawn(waiter(lock));
    let report = report_where(|report| leak(report, "waiter").owners().len() == 1);
    let leak = leak(&report, "waiter");
    assert!(!leak.is_likely_deadlocked(), "{report}");
    let [owner] = leak.owners() else {
        panic!("{report}");
    };
    assert!(owner.name().ends_with("keeper"));
    assert_eq!(owner.waits_for(), Some(WaitsFor::Notify));
    go_on.notify_one();
    guard.finish().await;
}

async fn behind(sender: mpsc::Sender<()>, first: oneshot::Receiver<()>) {
    _ = first.await;
    drop(sender);
}

/// What was moved out of a variable still lies there: the number of senders tells.
async fn gave_it_away(
    sender: mpsc::Sender<()>,
    mut receiver: mpsc::Receiver<()>,
    to: Arc<std::sync::Mutex<Option<mpsc::Sender<()>>>>,
) {
    let (first, second) = (sender.clone(), oneshot::channel());
    taskleak::spawn(behind(first, second.1));
    sender.try_send(()).unwrap();
    receiver.recv().await;
    *to.lock().unwrap() = Some(sender);
    receiver.recv().await;
    drop(second.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_called_proved() {
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel(2);
    let place = Arc::default();
    let task = taskleak::spawn(gave_it_away(sender, receiver, Arc::clone(&place)));
    let report = report();
    assert!(!report.to_string().contains("proved:"), "{report}");
    // It can be helped indeed.
    let sender = place.lock().unwrap().take().unwrap();
    sender.send(()).await.unwrap();
    task.await.unwrap();
    guard.finish().await;
}
