//! Limits on the live tasks of a name.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;
use taskleak::task::{Builder, JoinSet};
use tokio::task::yield_now;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_are_more_alive_than_may_be() {
    let alive = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let mut spawners = JoinSet::new();
    for _ in 0..8 {
        let (alive, most) = (alive.clone(), most.clone());
        spawners.spawn(async move {
            for _ in 0..200 {
                let (alive, most) = (alive.clone(), most.clone());
                let task = Builder::new().limit("storm", 3).spawn(async move {
                    most.fetch_max(alive.fetch_add(1, SeqCst) + 1, SeqCst);
                    yield_now().await;
                    alive.fetch_sub(1, SeqCst);
                });
                drop(task.await);
                let live = taskleak::manager().snapshot().live("storm");
                assert!(live <= 3, "{live}");
            }
        });
    }
    while let Some(done) = spawners.join_next().await {
        done.unwrap();
    }
    assert!((1..=3).contains(&most.load(SeqCst)));
    while taskleak::manager().snapshot().live("storm") > 0 {
        yield_now().await;
    }
    assert_eq!(
        taskleak::manager()
            .snapshot()
            .name("storm")
            .unwrap()
            .counts()
            .finished,
        1600
    );
}

#[tokio::test]
async fn who_waits_comes_in_when_one_ends_whatever_way() {
    for panics in [false, true] {
        let name = if panics { "way panic" } else { "way abort" };
        let first = Builder::new().limit(name, 1).spawn(async move {
            yield_now().await;
            assert!(!panics, "planned");
            pending::<()>().await;
        });
        let first = first.await;
        let mut second = Box::pin(Builder::new().limit(name, 1).spawn(async { 7 }));
        assert!(futures::poll!(&mut second).is_pending());
        if !panics {
            first.abort();
        }
        assert_eq!(second.await.await.unwrap(), 7);
        first.await.unwrap_err();
    }
}

#[tokio::test]
async fn who_gives_up_waiting_takes_no_place() {
    let first = Builder::new()
        .limit("given up", 1)
        .spawn(pending::<()>())
        .await;
    for _ in 0..10 {
        let mut waiting = Box::pin(Builder::new().limit("given up", 1).spawn(async {}));
        assert!(futures::poll!(&mut waiting).is_pending());
    }
    first.abort();
    first.await.unwrap_err();
    Builder::new()
        .limit("given up", 1)
        .try_spawn(async {})
        .unwrap()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_refusal_has_the_future() {
    let first = Builder::new()
        .limit("refused", 1)
        .try_spawn(pending::<()>())
        .unwrap();
    let refused = Builder::new()
        .limit("refused", 1)
        .try_spawn(async { 7 })
        .unwrap_err();
    assert_eq!((refused.name(), refused.limit()), ("refused", 1));
    assert_eq!(refused.into_future().await, 7);
    first.abort();
}

#[tokio::test]
async fn the_latest_limit_holds() {
    let spawn = |most| {
        Builder::new()
            .limit("resized", most)
            .try_spawn(pending::<()>())
    };
    let mut tasks: Vec<_> = (0..3).map(|_| spawn(3).unwrap()).collect();
    assert!(spawn(3).is_err());
    // Smaller than the number of those alive: three have to end before there is room for one.
    for _ in 0..3 {
        assert!(spawn(1).is_err());
        let task = tasks.pop().unwrap();
        task.abort();
        let _ = task.await;
    }
    tasks.push(spawn(1).unwrap());
    assert!(spawn(1).is_err());
    tasks.push(spawn(2).unwrap());
    assert!(spawn(2).is_err());
    tasks.iter().for_each(|task| task.abort());
}

#[tokio::test]
async fn raising_the_limit_lets_in_who_waits() {
    let mut waiting = Box::pin(Builder::new().limit("raised", 0).spawn(async { 7 }));
    assert!(matches!(futures::poll!(&mut waiting), Poll::Pending));
    let more = Builder::new().limit("raised", 1);
    let task = tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
    assert_eq!(task.await.unwrap(), 7);
    drop(more);
}

/// A spawn on a runtime that is gone must not hold its place either.
#[test]
fn a_task_that_is_refused_by_its_runtime_leaves_its_place() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    for _ in 0..3 {
        let _entered = handle.enter();
        let task = Builder::new().limit("gone", 1).try_spawn(async {});
        drop(task.expect("the place is free again"));
    }
}
