//! A guard that ends where a runtime's handle was entered: the thread spawns there, and drives nothing.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use taskleak::verify_none;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// Nobody waits for it.
const HOUR: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_millis(200);
const SHORT: Duration = Duration::from_millis(15);

fn runtimes() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(1).build();
    [Builder::new_current_thread().build(), multi_thread].map(Result::unwrap)
}

/// A current-thread runtime that another thread drives as long as this lives.
struct Server {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || drop(runtime.block_on(stopped)));
        Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Leaves a task that nobody can wake.
async fn orphan() {
    let (begins, begun) = oneshot::channel();
    drop(taskleak::spawn(async {
        begins.send(()).unwrap();
        pending::<()>().await;
    }));
    begun.await.unwrap();
}

/// Whether the guard that ends in there fails.
fn fails(body: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(body)).is_err()
}

/// The runtime's end ends them in time.
#[test]
fn orphans_of_a_runtime_that_is_dropped_are_no_leak() {
    for runtime in runtimes() {
        let handle = runtime.handle().clone();
        let guard = verify_none().grace(HOUR);
        runtime.block_on(orphan());
        let _entered = handle.enter();
        let dropped = thread::spawn(move || {
            thread::sleep(SHORT);
            drop(runtime);
        });
        drop(guard);
        dropped.join().unwrap();
    }
}

#[test]
fn orphans_of_one_that_stays_are() {
    for runtime in runtimes() {
        let guard = verify_none().grace(GRACE);
        runtime.block_on(orphan());
        let _entered = runtime.enter();
        assert!(fails(|| drop(guard)));
    }
}

#[test]
fn untracked_tasks_of_a_runtime_that_another_thread_drives_are_counted() {
    let server = Server::start();
    let _entered = server.handle.enter();
    let guard = verify_none().grace(GRACE);
    drop(tokio::spawn(pending::<()>()));
    assert!(fails(|| drop(guard)));
}

#[test]
fn those_that_end_there_are_waited_for() {
    let server = Server::start();
    let _entered = server.handle.enter();
    let guard = verify_none().grace(HOUR);
    drop(tokio::spawn(tokio::time::sleep(SHORT)));
    drop(guard);
}

/// For longer than a guard waits that nobody can help. The task has some way to go after that.
#[test]
fn a_task_whose_thread_is_busy_gets_its_grace() {
    let server = Server::start();
    let _entered = server.handle.enter();
    let guard = verify_none().grace(HOUR);
    drop(taskleak::spawn(async {
        for _ in 0..30 {
            tokio::time::sleep(SHORT).await;
        }
    }));
    let (begins, begun) = mpsc::channel();
    drop(tokio::spawn(async move {
        begins.send(()).unwrap();
        thread::sleep(10 * SHORT);
    }));
    begun.recv().unwrap();
    drop(guard);
}
