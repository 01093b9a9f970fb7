//! Whoever can still wake a task, wherever he keeps the waker, keeps every claim from being made: that the task is an orphan,
//! or in a deadlock. Each task here is asked what it waits for first, and then goes on by that very waker.

use super::runtimes;
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Wake, Waker};
use std::time::Duration;
use taskleak::task::Builder;
use taskleak::{Liveness, Options, TaskInfo, TaskState, find, live_tasks, verify_none};
use tokio::sync::oneshot;

const SHORT: Duration = Duration::from_millis(15);

type Place = Arc<Mutex<Option<Waker>>>;

/// Puts the first waker that it is polled with there, and never looks again; ends when it is polled after that was taken.
async fn waits_with_its_first_waker(place: Place) {
    let mut is_new = true;
    poll_fn(move |cx| {
        let mut place = place.lock().unwrap();
        if std::mem::take(&mut is_new) {
            *place = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Polled by whoever asks, it goes on waiting.
        match *place {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    })
    .await;
}

/// Somebody who keeps a waker until he is told to use it.
type Keeper = fn(Waker) -> Box<dyn FnOnce()>;

static KEPT: Mutex<Option<Waker>> = Mutex::new(None);

thread_local! {
    static LOCAL: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

struct Relay(Waker);

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

const KEEPERS: &[(&str, Keeper)] = &[
    ("the test", |waker| Box::new(|| waker.wake())),
    ("a static", |waker| {
        *KEPT.lock().unwrap() = Some(waker);
        Box::new(|| KEPT.lock().unwrap().take().unwrap().wake())
    }),
    ("a thread's local", |waker| {
        LOCAL.set(Some(waker));
        Box::new(|| LOCAL.take().unwrap().wake())
    }),
    ("another thread's local", |waker| {
        let (go, gone) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            LOCAL.set(Some(waker));
            _ = gone.recv();
            LOCAL.take().unwrap().wake();
        });
        Box::new(move || {
            drop(go);
            thread.join().unwrap();
        })
    }),
    ("a message between threads", |waker| {
        let (put, queue) = mpsc::channel();
        put.send(waker).unwrap();
        Box::new(move || queue.recv().unwrap().wake())
    }),
    ("a waker around it", |waker| {
        let relay = Waker::from(Arc::new(Relay(waker)));
        Box::new(|| relay.wake())
    }),
    ("memory that nobody can find", |waker| {
        let address = Box::into_raw(Box::new(waker)).expose_provenance();
        let hidden = !address;
        Box::new(move || take_hidden(!hidden).wake())
    }),
    ("a task of another runtime", |waker| {
        let (go, gone) = oneshot::channel::<()>();
        let thread = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(async {
                let task = tokio::spawn(async {
                    _ = gone.await;
                    waker.wake();
                });
                task.await.unwrap();
            });
        });
        Box::new(move || {
            drop(go);
            thread.join().unwrap();
        })
    }),
    ("a closure on the blocking pool", |waker| {
        let (go, gone) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            _ = gone.recv();
            waker.wake();
        });
        Box::new(move || drop(go))
    }),
    ("a message between tasks", |waker| {
        let (put, mut queue) = tokio::sync::mpsc::channel(1);
        put.try_send(waker).unwrap();
        Box::new(move || queue.try_recv().unwrap().wake())
    }),
];

#[allow(unsafe_code)]
fn take_hidden(address: usize) -> Waker {
    // SAFETY: of a box that was given up for this, and is taken back once.
    *unsafe { Box::from_raw(std::ptr::with_exposed_provenance_mut(address)) }
}

/// Until the task's poll has returned.
async fn until_parked(id: tokio::task::Id) {
    let is_parked = |task: &TaskInfo| {
        let tokio_id = task.tokio_id().map(|id| id.to_string());
        tokio_id == Some(id.to_string()) && task.state() == TaskState::Pending
    };
    while !live_tasks().iter().any(is_parked) {
        tokio::task::yield_now().await;
    }
}

#[test]
fn whoever_keeps_a_waker_is_believed() {
    for (name, keep) in KEEPERS {
        for runtime in runtimes() {
            runtime.block_on(async {
                let guard = verify_none().grace(Duration::from_secs(60));
                let place = Place::default();
                let task = waits_with_its_first_waker(place.clone());
                let task = Builder::new().name("waits").spawn(task);
                let id = task.id();
                // It joins one that can be waked.
                let joins = Builder::new()
                    .name("joins")
                    .spawn(async { task.await.unwrap() });
                while place.lock().unwrap().is_none() {
                    tokio::task::yield_now().await;
                }
                until_parked(id).await;
                // That it was taken out is not to be seen before it is waked.
                let waker = place
                    .lock()
                    .unwrap()
                    .replace(Waker::noop().clone())
                    .unwrap();
                let wake = keep(waker);
                for _ in 0..2 {
                    let report = find(Options::new().grace(SHORT)).unwrap_err();
                    assert_eq!(report.task_count(), 2, "{name}: {report}");
                    for leak in report.leaks() {
                        assert_ne!(leak.liveness(), Liveness::Orphan, "{name}: {report}");
                        assert!(!leak.is_proved_deadlocked(), "{name}: {report}");
                        let is_likely = leak.is_likely_deadlocked();
                        assert!(!is_likely, "{name}: {report}");
                    }
                }
                *place.lock().unwrap() = None;
                wake();
                joins.await.unwrap();
                guard.finish().await;
            });
        }
    }
}

/// The twin: once nobody has it any more, that is said.
#[test]
fn nobody_keeps_it() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let guard = verify_none();
            let place = Place::default();
            let task = waits_with_its_first_waker(place.clone());
            let id = Builder::new().name("waits").spawn(task).id();
            while place.lock().unwrap().is_none() {
                tokio::task::yield_now().await;
            }
            until_parked(id).await;
            place.lock().unwrap().replace(Waker::noop().clone());
            let report = find(Options::new().grace(SHORT)).unwrap_err();
            assert_eq!(report.leaks()[0].liveness(), Liveness::Orphan, "{report}");
            drop(guard.on_leak(taskleak::Action::Warn));
        });
    }
}
