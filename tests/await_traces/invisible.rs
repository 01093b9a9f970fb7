//! To the task, being asked is a spurious wake and nothing else.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use taskleak::task::{Builder, JoinSet, LocalSet};
use taskleak::{AwaitTrace, TaskInfo, TaskState, TraceSource};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::yield_now;

fn named<'a>(dump: &'a taskleak::Dump, name: &str) -> Option<&'a TaskInfo> {
    dump.tasks().find(|task| task.name() == name)
}

/// A waker that was there before the task was asked wakes the task afterwards: here the leaf keeps
/// the first waker that it ever gets.
#[tokio::test]
async fn a_leaf_that_keeps_its_first_waker_works_on() {
    let kept = Arc::new(std::sync::Mutex::new(None::<Waker>));
    let done = Arc::new(AtomicBool::new(false));
    let task = taskleak::spawn({
        let (kept, done) = (kept.clone(), done.clone());
        poll_fn(move |cx| {
            kept.lock()
                .unwrap()
                .get_or_insert_with(|| cx.waker().clone());
            if done.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    });
    yield_now().await;
    taskleak::dump().await;
    done.store(true, SeqCst);
    kept.lock().unwrap().as_ref().unwrap().wake_by_ref();
    task.await.unwrap();
}

/// What a leaf takes while the task is asked is the task's own waker.
#[tokio::test]
async fn a_leaf_that_keeps_its_last_waker_works_on() {
    let kept = Arc::new(std::sync::Mutex::new(Vec::<Waker>::new()));
    let done = Arc::new(AtomicBool::new(false));
    let task = taskleak::spawn({
        let (kept, done) = (kept.clone(), done.clone());
        poll_fn(move |cx| {
            kept.lock().unwrap().push(cx.waker().clone());
            if done.load(SeqCst) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    });
    yield_now().await;
    taskleak::dump().await;
    done.store(true, SeqCst);
    {
        let kept = kept.lock().unwrap();
        assert!(kept.len() >= 2, "{}", kept.len());
        let last = kept.last().unwrap();
        assert!(kept[0].will_wake(last));
        last.wake_by_ref();
    }
    task.await.unwrap();
}

/// A future that lost its wake ends when it is polled: that is no leak, and its output is there.
#[taskleak::leak_test(grace = "50ms")]
async fn a_task_that_ends_by_it_is_no_leak() {
    let handle = taskleak::spawn(lost_wake(7));
    tokio::task::yield_now().await;
    drop(handle);
}

#[taskleak::leak_test(grace = "50ms", flavor = "multi_thread")]
async fn nor_is_one_on_a_worker_or_one_that_waits_for_it() {
    taskleak::spawn(async {
        let lost = taskleak::spawn(lost_wake(7));
        assert_eq!(lost.await.unwrap(), 7);
        yield_now().await;
    });
}

#[tokio::test]
async fn nor_is_one_whose_guard_blocks_its_runtime() {
    let handle = {
        let _guard = taskleak::verify_none();
        let handle = taskleak::spawn(lost_wake(7));
        yield_now().await;
        handle
    };
    assert_eq!(handle.await.unwrap(), 7);
}

/// Pending once, without having asked for a wake.
async fn lost_wake(output: u8) -> u8 {
    let mut is_due = false;
    poll_fn(|_| {
        if std::mem::replace(&mut is_due, true) {
            Poll::Ready(output)
        } else {
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn a_panic_in_it_is_the_task_s_own() {
    let task = taskleak::spawn(async {
        lost_wake(0).await;
        panic!("by itself");
    });
    yield_now().await;
    let dump = taskleak::dump().await;
    let panic = task.await.unwrap_err().into_panic();
    assert_eq!(*panic.downcast_ref::<&str>().unwrap(), "by itself");
    drop(dump);
}

#[tokio::test]
async fn it_has_a_budget_of_its_own() {
    // More messages than one poll may take.
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let task = taskleak::spawn(async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    });
    yield_now().await;
    for number in 0..1000_u64 {
        sender.send(number).unwrap();
    }
    taskleak::dump().await;
    drop(sender);
    assert_eq!(task.await.unwrap(), 499_500);
}

#[tokio::test]
async fn the_asker_can_go_away() {
    let task = Builder::new().name("asked twice").spawn(pending::<()>());
    yield_now().await;
    {
        let mut dump = pin!(taskleak::dump());
        let _ = dump.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    yield_now().await;
    let dump = taskleak::dump().await;
    assert!(!named(&dump, "asked twice").unwrap().is_silent());
    task.abort();
}

#[tokio::test]
async fn a_task_aborted_meanwhile_is_gone() {
    let task = Builder::new().name("aborted").spawn(pending::<()>());
    yield_now().await;
    let mut dump = pin!(taskleak::dump());
    assert!(futures::poll!(dump.as_mut()).is_pending());
    task.abort();
    let dump = dump.await;
    assert!(named(&dump, "aborted").is_none());
}

#[tokio::test]
async fn so_is_one_whose_runtime_is_shut_down_meanwhile() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (polled, is_polled) = std::sync::mpsc::channel();
    Builder::new().name("shut down").spawn_on(
        async move {
            polled.send(()).unwrap();
            pending::<()>().await;
        },
        runtime.handle(),
    );
    std::thread::scope(|scope| {
        scope.spawn(|| runtime.block_on(yield_now()));
    });
    is_polled.recv().unwrap();
    let mut dump = pin!(taskleak::dump());
    assert!(futures::poll!(dump.as_mut()).is_pending());
    runtime.shutdown_background();
    let dump = dump.await;
    assert!(named(&dump, "shut down").is_none());
}

#[test]
fn a_task_whose_runtime_nobody_drives_is_silent() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    Builder::new()
        .name("not driven")
        .spawn_on(pending::<()>(), runtime.handle());
    runtime.block_on(yield_now());
    let dump = taskleak::dump_blocking();
    let task = named(&dump, "not driven").unwrap();
    let by_poll = |trace: &AwaitTrace| trace.source() == TraceSource::Poll;
    assert!(task.is_silent() && !task.await_trace().is_some_and(by_poll));
    assert!(
        dump.to_string()
            .contains("its runtime did not poll it in time"),
        "{dump}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_holds_its_thread_is_said_to() {
    let _guard = taskleak::verify_none().on_leak(taskleak::Action::Warn);
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let (tell, holds) = oneshot::channel();
    let task = Builder::new().name("holds its thread").spawn(async move {
        yield_now().await;
        // Not to be told by its polls: this one may be the answer to another test, and counts as none.
        tell.send(()).unwrap();
        let _ = may_go_on.recv();
    });
    holds.await.unwrap();
    let dump = taskleak::dump().await;
    assert_eq!(
        named(&dump, "holds its thread").unwrap().state(),
        TaskState::Running
    );
    assert!(
        dump.to_string().contains("holds its thread since"),
        "{dump}"
    );
    drop(go_on);
    task.await.unwrap();
}

#[tokio::test]
async fn local_tasks_answer_too() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let notify = std::rc::Rc::new(Notify::new());
            let waiting = notify.clone();
            let task = Builder::new().name("local").spawn_local(async move {
                waiting.notified().await;
            });
            yield_now().await;
            let dump = taskleak::dump().await;
            let trace = named(&dump, "local").unwrap().await_trace().unwrap();
            assert_eq!(
                trace.roots()[0].children()[0].function(),
                "tokio::sync::Notified"
            );
            notify.notify_one();
            task.await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn a_task_can_ask_itself() {
    let task = Builder::new().name("asks").spawn(async {
        yield_now().await;
        let dump = taskleak::dump().await;
        named(&dump, "asks")
            .unwrap()
            .await_trace()
            .unwrap()
            .to_string()
    });
    let trace = task.await.unwrap();
    assert!(
        trace.contains("invisible::a_task_can_ask_itself"),
        "{trace}"
    );
}

/// Every waker that ever was given out still wakes, while the task is asked all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_is_lost() {
    const RINGS: usize = 64;
    const MEMBERS: usize = 16;
    const ROUNDS: usize = 200;
    let mut tasks = JoinSet::new();
    for _ in 0..RINGS {
        let (first, mut last) = mpsc::channel::<usize>(1);
        let mut next = first.clone();
        for _ in 0..MEMBERS {
            let (sender, mut receiver) = mpsc::channel::<usize>(1);
            let onwards = std::mem::replace(&mut next, sender);
            tasks.spawn(async move {
                while let Some(round) = receiver.recv().await {
                    if onwards.send(round).await.is_err() {
                        break;
                    }
                }
            });
        }
        drop(first);
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                next.send(round).await.unwrap();
                assert_eq!(last.recv().await, Some(round));
            }
        });
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let dumps = Arc::new(AtomicUsize::new(0));
    let askers: Vec<_> = (0..2)
        .map(|_| {
            let (is_over, dumps) = (is_over.clone(), dumps.clone());
            std::thread::spawn(move || {
                while !is_over.load(SeqCst) {
                    taskleak::dump_blocking();
                    dumps.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    is_over.store(true, SeqCst);
    for asker in askers {
        asker.join().unwrap();
    }
    assert!(dumps.load(SeqCst) > 0);
}

/// Tasks are spawned, end and are aborted all the time while others ask them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_come_and_go_meanwhile() {
    let is_over = Arc::new(AtomicBool::new(false));
    let asker = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            while !is_over.load(SeqCst) {
                taskleak::dump_blocking();
            }
        }
    });
    for round in 0..300_usize {
        let mut tasks = JoinSet::new();
        let (stop, _) = tokio::sync::broadcast::channel::<()>(1);
        for number in 0..32_usize {
            let mut stopped = stop.subscribe();
            let task = tasks.spawn(async move {
                for _ in 0..number % 4 {
                    yield_now().await;
                }
                let _ = stopped.recv().await;
            });
            if (number + round).is_multiple_of(3) {
                task.abort();
            }
        }
        yield_now().await;
        stop.send(()).ok();
        while tasks.join_next().await.is_some() {}
    }
    is_over.store(true, SeqCst);
    asker.join().unwrap();
}

/// A future may lend its waker to other threads for the time of a poll.
#[tokio::test]
async fn a_waker_that_is_lent_to_other_threads_is_the_task_s_there() {
    let (send, mut wakers) = mpsc::unbounded_channel::<Waker>();
    let task = taskleak::spawn(poll_fn::<(), _>(move |cx| {
        let waker = cx.waker();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| drop(send.send(waker.clone())));
            }
        });
        Poll::Pending
    }));
    yield_now().await;
    taskleak::dump().await;
    let mut all = Vec::new();
    while let Ok(waker) = wakers.try_recv() {
        all.push(waker);
    }
    // Other tests may have asked as well.
    assert!(all.len() >= 8, "{}", all.len());
    assert!(all.iter().all(|waker| waker.will_wake(&all[0])));
    task.abort();
}

/// A task that drives futures with wakers of its own.
#[tokio::test]
async fn wakers_around_the_task_s_go_on_waking_it() {
    struct Around(Waker);
    impl Wake for Around {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    let (send, receive) = oneshot::channel::<u8>();
    let task = taskleak::spawn(async move {
        let mut receive = pin!(receive);
        poll_fn(|cx| {
            let waker = Waker::from(Arc::new(Around(cx.waker().clone())));
            receive.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await
        .unwrap()
    });
    yield_now().await;
    taskleak::dump().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    send.send(7).unwrap();
    assert_eq!(task.await.unwrap(), 7);
}
