//! Room in a channel that somebody has reserved comes free without the receiver.

use super::{report, report_that_says, said};
use taskleak::{Action, spawn, verify_none};
use tokio::sync::mpsc;

async fn sends(sender: mpsc::Sender<u32>, queue: mpsc::Receiver<u32>) {
    sender.send(2).await.unwrap();
    drop(queue);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_waits_for_it_may_go_on() {
    let guard = verify_none();
    let (sender, queue) = mpsc::channel(2);
    sender.try_send(1).unwrap();
    let reserved = sender.clone().try_reserve_owned().unwrap();
    let task = spawn(sends(sender, queue));
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    drop(reserved);
    task.await.unwrap();
    guard.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_has_reserved_none_waits_for_the_receiver() {
    let guard = verify_none();
    let (sender, queue) = mpsc::channel(2);
    sender.try_send(1).unwrap();
    sender.clone().try_reserve_owned().unwrap().send(2);
    spawn(sends(sender, queue));
    let report = report_that_says(1);
    assert_eq!(said(&report), 1, "{report}");
    drop(guard.on_leak(Action::Warn));
}
