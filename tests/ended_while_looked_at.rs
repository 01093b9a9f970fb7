//! Tasks that end in every way there is while others look at their memory: those who ask them (pin and
//! wake), and those who tell orphans (pin and hold). Nothing may be looked at that is gone, which the
//! sanitizers see best, and no task may be kept from ending.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use taskleak::verify_none;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Mutex, Notify, oneshot};
use tokio::task::{LocalSet, yield_now};

const ROUNDS: usize = 60;
const TASKS: usize = 24;

/// Looks at all tasks of the process, on a thread, until it is dropped.
struct Looker {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Looker {
    fn start(look: fn()) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let is_over = is_over.clone();
            move || {
                while !is_over.load(SeqCst) {
                    look();
                }
            }
        });
        Self {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.is_over.store(true, SeqCst);
        if let Some(thread) = self.thread.take() {
            let looked = thread.join();
            assert!(looked.is_ok() || thread::panicking());
        }
    }
}

fn look_on() -> [Looker; 2] {
    [
        Looker::start(|| drop(taskleak::dump_blocking())),
        Looker::start(|| drop(taskleak::manager().snapshot().orphans())),
    ]
}

fn runtime(number: usize) -> Runtime {
    let mut builder = match number % 2 {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// Waits in one of several ways; some hold large futures, which tokio boxes.
async fn waits(number: usize, lock: Arc<Mutex<()>>, notify: Arc<Notify>) {
    match number % 5 {
        0 => pending().await,
        1 => drop(lock.lock().await),
        2 => notify.notified().await,
        3 => tokio::time::sleep(Duration::from_secs(600)).await,
        _ => {
            let large = [number; 4096];
            notify.notified().await;
            assert_eq!(large[number], number);
        }
    }
}

/// The runtime goes on another thread than the one that made it, with all that waits on it.
#[test]
fn by_their_runtime_s_shutdown() {
    let _lookers = look_on();
    for round in 0..ROUNDS {
        let runtime = runtime(round);
        let lock = Arc::new(Mutex::new(()));
        let notify = Arc::new(Notify::new());
        let held = lock.clone().try_lock_owned().unwrap();
        runtime.block_on(async {
            for number in 0..TASKS {
                taskleak::spawn(waits(number, lock.clone(), notify.clone()));
            }
            yield_now().await;
        });
        let ends = thread::spawn(move || match round % 3 {
            0 => runtime.shutdown_background(),
            _ => drop(runtime),
        });
        notify.notify_waiters();
        drop(held);
        ends.join().unwrap();
    }
}

/// They are aborted, or return, while their runtime goes on; the next ones get their records.
#[test]
fn by_aborts_and_returns() {
    let _lookers = look_on();
    let runtime = runtime(1);
    runtime.block_on(async {
        for _ in 0..ROUNDS {
            let lock = Arc::new(Mutex::new(()));
            let notify = Arc::new(Notify::new());
            let held = lock.clone().lock_owned().await;
            let tasks: Vec<_> = (0..TASKS)
                .map(|number| taskleak::spawn(waits(number, lock.clone(), notify.clone())))
                .collect();
            yield_now().await;
            notify.notify_waiters();
            drop(held);
            for (number, task) in tasks.iter().enumerate() {
                if number % 5 != 1 {
                    task.abort();
                }
            }
            for (number, task) in tasks.into_iter().enumerate() {
                assert!(task.await.is_ok() || number % 5 != 1);
            }
        }
    });
}

/// Local tasks, whose memory stays on their thread, and which are woken from others.
#[test]
fn by_the_drop_of_their_local_set() {
    let _lookers = look_on();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                let runtime = runtime(0);
                for _ in 0..ROUNDS {
                    let set = LocalSet::new();
                    let (send, receive) = oneshot::channel::<()>();
                    let mut receive = Some(receive);
                    set.block_on(&runtime, async {
                        for number in 0..TASKS {
                            let here = std::rc::Rc::new(number);
                            let receive = receive.take();
                            taskleak::task::spawn_local(async move {
                                match receive {
                                    Some(receive) => drop(receive.await),
                                    None => pending().await,
                                }
                                drop(here);
                            });
                        }
                        yield_now().await;
                        drop(send);
                        yield_now().await;
                    });
                    drop(set);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// When its future is dropped, drops the `LocalSet` that its task is in.
struct DropsItsSet(Rc<RefCell<Option<LocalSet>>>);

impl Drop for DropsItsSet {
    fn drop(&mut self) {
        let set = self.0.borrow_mut().take();
        drop(set);
    }
}

/// A guard drops an aborted task's future, or polls it to its end, and so the set that the task is in.
#[test]
fn by_a_guard_that_makes_it_drop_its_local_set() {
    for aborted in [true, false] {
        runtime(0).block_on(async {
            let guard = verify_none();
            let set = Rc::new(RefCell::new(Some(LocalSet::new())));
            let local = set.borrow_mut().take().unwrap();
            let ends = Rc::new(Notify::new());
            let (ended, drops) = (ends.clone(), DropsItsSet(set.clone()));
            let waits = async move {
                let _drops = drops;
                ended.notified().await;
            };
            let mut task = None;
            let spawns = async {
                task = Some(taskleak::task::spawn_local(waits));
                yield_now().await;
            };
            local.run_until(spawns).await;
            let task = task.unwrap();
            *set.borrow_mut() = Some(local);
            if aborted {
                task.abort();
            } else {
                ends.notify_one();
            }
            drop(guard);
            assert!(set.borrow().is_none());
            assert!(task.await.unwrap_err().is_cancelled());
        });
    }
}
