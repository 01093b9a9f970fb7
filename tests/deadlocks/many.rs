//! Many tasks.

use super::{report, report_that_says, said};
use std::sync::Arc;
use taskleak::{Action, spawn, verify_none};
use tokio::sync::{Mutex, Notify};

/// Each task takes a while to be looked into, and all of them together may not take long.
const PAIRS: usize = 25;
const CHAIN: usize = 400;
const FUTURES: usize = 200;

async fn takes(one: Arc<Mutex<()>>, then: Arc<Mutex<()>>) {
    let _one = one.lock().await;
    // Until the other has the other one.
    while then.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    let _then = then.lock().await;
}

fn pairs() {
    for _ in 0..PAIRS {
        let (one, other) = (Arc::default(), Arc::default());
        spawn(takes(Arc::clone(&one), Arc::clone(&other)));
        spawn(takes(other, one));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pairs_that_lock_in_both_orders() {
    let guard = verify_none();
    pairs();
    let report = report_that_says(2 * PAIRS);
    assert_eq!(said(&report), 2 * PAIRS, "{report}");
    drop(guard.on_leak(Action::Warn));
}

/// Each waits for the end of the next, and the last for something that comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_chain_with_a_way_out() {
    let guard = verify_none();
    let notify = Arc::new(Notify::new());
    let last = notify.clone();
    let mut next = spawn(async move { last.notified().await });
    for _ in 0..CHAIN {
        next = spawn(async move { drop(next.await) });
    }
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    notify.notify_one();
    guard.finish().await;
}

/// A task of many futures is looked into in the time that there is for all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_task_of_many_futures_keeps_what_another_wants() {
    let guard = verify_none();
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (keeps, wants) = (Arc::clone(&one), Arc::clone(&other));
    spawn(async move {
        let _one = keeps.lock().await;
        // Until the other has the other one.
        while wants.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let futures = (0..FUTURES).map(|_| takes_in_turn(Arc::clone(&wants)));
        drop(futures::future::join_all(futures).await);
    });
    spawn(takes(other, one));
    let report = report_that_says(2);
    assert_eq!(said(&report), 2, "{report}");
    drop(guard.on_leak(Action::Warn));
}

async fn takes_in_turn(lock: Arc<Mutex<()>>) {
    let _lock = lock.lock().await;
}
