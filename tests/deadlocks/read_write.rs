//! Read-write locks, whose queue may have somebody in it who is no task.

use super::{report, said};
use std::sync::Arc;
use taskleak::task::Builder;
use taskleak::{Action, verify_none};
use tokio::sync::{RwLock, oneshot};

type Lock = Arc<RwLock<()>>;

/// Reads, waits until it is told to go on, and reads again.
fn spawn_reader(lock: &Lock) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
    let ((tells, told), (goes, goes_on)) = (oneshot::channel(), oneshot::channel());
    let lock = lock.clone();
    drop(Builder::new().name("reader").spawn(async move {
        let _first = lock.read().await;
        tells.send(()).unwrap();
        drop(goes_on.await);
        drop(lock.read().await);
    }));
    (told, goes)
}

/// Until somebody waits to write.
async fn until_queued(lock: &Lock) {
    while lock.try_read().is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_writer_that_is_no_task_may_give_up() {
    let guard = verify_none();
    let lock = Lock::default();
    let (reads, goes_on) = spawn_reader(&lock);
    reads.await.unwrap();
    let (gives_up, given_up) = oneshot::channel::<()>();
    let writes = lock.clone();
    let runtime = tokio::runtime::Handle::current();
    let writer = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = writes.write() => panic!("it is read"),
                _ = given_up => {}
            }
        });
    });
    until_queued(&lock).await;
    goes_on.send(()).unwrap();
    let report = report();
    assert_eq!(said(&report), 0, "{report}");
    drop(gives_up);
    guard.finish().await;
    writer.join().unwrap();
}

/// The twin.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_writer_that_is_a_task_waits_for_the_reader_that_waits_for_it() {
    let guard = verify_none();
    let lock = Lock::default();
    let (reads, goes_on) = spawn_reader(&lock);
    reads.await.unwrap();
    let writes = lock.clone();
    drop(
        Builder::new()
            .name("writer")
            .spawn(async move { drop(writes.write().await) }),
    );
    until_queued(&lock).await;
    goes_on.send(()).unwrap();
    let report = report();
    assert_eq!(said(&report), 2, "{report}");
    drop(guard.on_leak(Action::Warn));
}
