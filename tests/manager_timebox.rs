//! Time boxes.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::time::{Duration, Instant};
use taskleak::manager::{Counts, Status};
use taskleak::task::{Builder, TimeboxAction};

const SHORT: Duration = Duration::from_millis(5);

fn counts(name: &str) -> Counts {
    let snapshot = taskleak::manager().snapshot();
    snapshot
        .name(name)
        .map(|name| name.counts())
        .unwrap_or_default()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_task_over_its_time_box_is_flagged_and_goes_on() {
    let task = Builder::new()
        .name("flagged")
        .timebox(SHORT)
        .spawn(pending::<()>());
    let over = || {
        let snapshot = taskleak::manager().snapshot();
        snapshot.over_time().any(|task| task.name() == "flagged")
    };
    until(over).await;
    assert!(!task.is_finished());
    task.abort();
    let _ = task.await;
    assert_eq!(
        (counts("flagged").over_time, counts("flagged").aborted),
        (1, 1)
    );
}

/// The alarm cannot have come where no time passed for it, and still the task is over.
#[tokio::test]
async fn a_task_that_ends_late_is_over_time_whoever_notices() {
    for _ in 0..20 {
        let task = Builder::new().name("late").timebox(SHORT).spawn(async {
            std::thread::sleep(SHORT);
        });
        task.await.unwrap();
    }
    assert_eq!(
        (counts("late").over_time, counts("late").finished),
        (20, 20)
    );
}

#[tokio::test]
async fn a_task_in_time_is_not() {
    for _ in 0..100 {
        let quick = Builder::new()
            .name("quick")
            .timebox(Duration::from_secs(3600))
            .on_timebox(TimeboxAction::Abort);
        quick.spawn(async {}).await.unwrap();
    }
    assert_eq!(
        (counts("quick").over_time, counts("quick").finished),
        (0, 100)
    );
}

/// It keeps its worker busy, and no other task of the runtime gets a turn: it is flagged nonetheless.
#[tokio::test]
async fn a_task_that_never_yields_is_flagged() {
    let busy = Builder::new().name("busy").timebox(SHORT).spawn(async {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let snapshot = taskleak::manager().snapshot();
            let own = snapshot.tasks_named("busy").next().unwrap().status();
            if own == Status::OverTime {
                return true;
            }
        }
        false
    });
    assert!(busy.await.unwrap());
}

#[tokio::test]
async fn a_blocking_closure_is_flagged_and_not_stopped() {
    let slow = || {
        Builder::new()
            .name("slow closure")
            .timebox(SHORT)
            .on_timebox(TimeboxAction::Abort)
            .spawn_blocking(|| {
                let over = || {
                    let snapshot = taskleak::manager().snapshot();
                    snapshot
                        .over_time()
                        .any(|task| task.name() == "slow closure")
                };
                while !over() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                7
            })
    };
    // One that no thread of the pool has begun by then is stopped.
    let mut tries = 1;
    let value = loop {
        match slow().await {
            Ok(value) => break value,
            Err(error) => assert!(error.is_cancelled()),
        }
        tries += 1;
    };
    assert_eq!(value, 7);
    until(|| counts("slow closure").finished == 1).await;
    assert_eq!(counts("slow closure").over_time, tries);
}

#[tokio::test]
async fn a_local_task_can_be_aborted_too() {
    let local = tokio::task::LocalSet::new();
    let aborted = local.run_until(async {
        Builder::new()
            .name("local")
            .timebox(SHORT)
            .on_timebox(TimeboxAction::Abort)
            .spawn_local(pending::<()>())
            .await
    });
    assert!(aborted.await.unwrap_err().is_cancelled());
}

/// An hour from now there would be an alarm for each; none keeps a task's memory until then.
#[tokio::test]
async fn ended_tasks_leave_nothing_behind() {
    struct Held(std::sync::Arc<()>);
    let alive = std::sync::Arc::new(());
    for _ in 0..5000 {
        let held = Held(alive.clone());
        let task = Builder::new()
            .timebox(Duration::from_secs(3600))
            .on_timebox(TimeboxAction::Abort)
            .spawn(async move {
                let _held = &held.0;
            });
        task.await.unwrap();
    }
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
}
