//! Limits on the live tasks of a name.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::Duration;
use taskleak::task::{Builder, JoinSet, LocalSet};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle, yield_now};

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
    assert_eq!(refused.into_inner().await, 7);
    first.abort();
}

#[tokio::test]
async fn a_refusal_says_what_holds_however_many_are_alive() {
    let spawn = |most| {
        Builder::new()
            .limit("refusal\nERROR", most)
            .try_spawn(pending::<()>())
    };
    let tasks = [spawn(2).unwrap(), spawn(2).unwrap()];
    let may =
        "wait until there is (`LimitedBuilder::spawn`), turn the work away, or raise the limit";
    for (most, text) in [
        (
            2,
            format!(
                "no more than 2 tasks named `refusal\\nERROR` may be alive, and there is no room: {may}"
            ),
        ),
        (
            1,
            format!(
                "no more than 1 task named `refusal\\nERROR` may be alive, and there is no room: {may}"
            ),
        ),
        // To wait would be in vain.
        (
            0,
            "no task named `refusal\\nERROR` may be alive, since its limit is 0: raise the limit"
                .to_owned(),
        ),
    ] {
        assert_eq!(spawn(most).unwrap_err().to_string(), text);
    }
    tasks.iter().for_each(|task| task.abort());
}

/// Two are alive and two wait; the limit is made smaller.
#[tokio::test]
async fn who_waits_first_is_served_first_though_the_limit_shrinks() {
    let limited = |most| Builder::new().limit("shrinks", most);
    let mut alive = Vec::new();
    for _ in 0..2 {
        alive.push(limited(2).try_spawn(pending::<()>()).unwrap());
    }
    let mut first = Box::pin(limited(2).spawn(pending::<()>()));
    let mut second = Box::pin(limited(2).spawn(async {}));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    drop(limited(1));
    for task in alive {
        assert!(futures::poll!(&mut first).is_pending());
        task.abort();
        let _ = task.await;
    }
    assert!(futures::poll!(&mut second).is_pending());
    let task = first.await;
    task.abort();
    let _ = task.await;
    second.await.await.unwrap();
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

/// Holds the one place of `name` for as long as what it returns lives.
fn hold(name: &'static str, handle: &Handle) -> Held {
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let task = Builder::new().limit(name, 1).try_spawn_on(
        async {
            let _ = released.await;
        },
        handle,
    );
    task.expect("nobody else has the place");
    Held { _release: release }
}

struct Held {
    _release: tokio::sync::oneshot::Sender<()>,
}

/// Each way of spawning waits for the place, has it while it runs and leaves it.
#[test]
fn every_way_of_spawning_waits_for_its_place_and_leaves_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let elsewhere = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let other = elsewhere.handle();
    let limited = |name| Builder::new().limit(name, 1);
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        macro_rules! waits {
            ($name:literal, $spawn:expr, $join:expr) => {{
                let held = hold($name, other);
                let mut waiting = pin!($spawn);
                assert!(futures::poll!(&mut waiting).is_pending(), $name);
                drop(held);
                let spawned = waiting.await;
                assert_eq!($join(spawned).await.unwrap(), 7, $name);
            }};
        }
        let here = LocalSet::new();
        waits!("spawn", limited("spawn").spawn(async { 7 }), ready_join);
        waits!("on", limited("on").spawn_on(async { 7 }, other), ready_join);
        waits!(
            "local",
            limited("local").spawn_local(async { 7 }),
            ready_join
        );
        waits!(
            "local on",
            limited("local on").spawn_local_on(async { 7 }, &here),
            |task| here.run_until(task)
        );
        waits!(
            "blocking",
            limited("blocking").spawn_blocking(|| 7),
            ready_join
        );
        waits!(
            "blocking on",
            limited("blocking on").spawn_blocking_on(|| 7, other),
            ready_join
        );
        let mut set = JoinSet::new();
        let held = hold("into", other);
        {
            let mut waiting = pin!(limited("into").spawn_into(&mut set, async { 7 }));
            assert!(futures::poll!(&mut waiting).is_pending());
            drop(held);
            waiting.await;
        }
        assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    });
    for name in [
        "spawn",
        "on",
        "local",
        "local on",
        "blocking",
        "blocking on",
        "into",
    ] {
        until_free(name, other);
    }
}

async fn ready_join<T>(task: JoinHandle<T>) -> Result<T, JoinError> {
    task.await
}

/// The place is left once all of the task is gone, which is a moment after its join.
fn until_free(name: &'static str, handle: &Handle) {
    while Builder::new()
        .limit(name, 1)
        .try_spawn_on(async {}, handle)
        .is_err()
    {
        std::thread::yield_now();
    }
}

#[test]
fn every_way_of_spawning_refuses_where_there_is_no_room() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let elsewhere = runtime.handle();
    let full = || Builder::new().limit("full", 0);
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let there = LocalSet::new();
        let mut set = JoinSet::new();
        // Futures that need not be `Send`, too.
        let not_send = std::rc::Rc::new(7);
        let copy = not_send.clone();
        let refused = full().try_spawn_local(async move { *copy }).unwrap_err();
        assert_eq!(refused.into_inner().await, 7);
        let refused = full().try_spawn_local_on(async move { *not_send }, &there);
        assert_eq!(refused.unwrap_err().into_inner().await, 7);
        let refused = full().try_spawn_on(async { 7 }, elsewhere).unwrap_err();
        assert_eq!(refused.into_inner().await, 7);
        let refused = full().try_spawn_into(&mut set, async { 7 }).unwrap_err();
        assert_eq!(refused.into_inner().await, 7);
        assert!(set.is_empty());
        let refused = full().try_spawn_blocking(|| 7).unwrap_err();
        assert_eq!(refused.into_inner()(), 7);
        let refused = full().try_spawn_blocking_on(|| 7, elsewhere).unwrap_err();
        assert_eq!((refused.name(), refused.limit()), ("full", 0));
    });
}

/// A blocking closure that never ran, and a local task whose set is dropped.
#[test]
fn what_never_ran_leaves_its_place() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let first = runtime.spawn_blocking(move || released.recv().is_err());
    let limited = || Builder::new().limit("never ran", 1);
    let queued = limited().try_spawn_blocking_on(|| (), &handle).unwrap();
    assert!(limited().try_spawn_blocking_on(|| (), &handle).is_err());
    queued.abort();
    drop(release);
    assert!(runtime.block_on(first).unwrap());
    assert!(runtime.block_on(queued).unwrap_err().is_cancelled());
    until_free("never ran", &handle);
    let local = LocalSet::new();
    let limited = || Builder::new().limit("never polled", 1);
    let task = limited()
        .try_spawn_local_on(pending::<()>(), &local)
        .unwrap();
    assert!(
        limited()
            .try_spawn_local_on(pending::<()>(), &local)
            .is_err()
    );
    drop(local);
    drop(task);
    until_free("never polled", &handle);
}

/// Reports name the caller's line, not ours.
#[tokio::test]
async fn the_spawn_site_is_where_the_builder_spawns() {
    let (never, wait) = std::sync::mpsc::channel::<()>();
    let wait = move || wait.recv().is_ok();
    let limited = Builder::new().limit("site", 1);
    let (line, waiting) = (line!(), limited.spawn_blocking(wait));
    let task = waiting.await;
    let snapshot = taskleak::manager().snapshot();
    let site = snapshot.tasks_named("site").next().unwrap().location();
    assert!(site.file().ends_with("manager_limit.rs"), "{site}");
    assert_eq!(site.line(), line);
    drop(never);
    assert!(!task.await.unwrap());
}
