//! While nothing is tracked, what a program relies on goes on. The switch is the process's: the tests take
//! turns, or are played in a process of their own.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use taskleak::manager::Config;
use taskleak::task::{Builder, JoinSet, LocalSet, TimeboxAction};

const LONG: Duration = Duration::from_secs(60);

fn run(future: impl Future<Output = ()>) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    taskleak::manager().configure(Config::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(LONG, future)
            .await
            .expect("it is not for ever");
    });
    taskleak::manager().configure(Config::new());
}

fn short() -> Builder {
    Builder::new()
        .timebox(Duration::from_millis(5))
        .on_timebox(TimeboxAction::Abort)
}

async fn time_boxes_abort() {
    assert!(
        short()
            .spawn(pending::<()>())
            .await
            .unwrap_err()
            .is_cancelled()
    );
    assert!(
        short()
            .spawn_local(pending::<()>())
            .await
            .unwrap_err()
            .is_cancelled()
    );
    let mut set = JoinSet::new();
    short().spawn_into(&mut set, pending::<()>());
    assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    // In time it is left alone.
    let long = Builder::new()
        .timebox(LONG)
        .on_timebox(TimeboxAction::Abort);
    assert_eq!(long.spawn(async { 7 }).await.unwrap(), 7);
}

async fn limits_hold() {
    let limited = || Builder::new().limit("one at most", 1);
    let one = limited().try_spawn(pending::<()>()).unwrap();
    assert!(limited().try_spawn(pending::<()>()).is_err());
    one.abort();
}

/// All others are tokio's own.
async fn nothing_else_is_tracked() {
    let plain = taskleak::spawn(pending::<()>());
    let named = Builder::new()
        .name("named")
        .data("key", 1)
        .spawn(pending::<()>());
    let flagged = Builder::new().timebox(LONG).spawn(pending::<()>());
    let local = taskleak::task::spawn_local(pending::<()>());
    assert_eq!(taskleak::manager().snapshot().total(), 0);
    taskleak::manager().shutdown(LONG).await.unwrap();
    for task in [plain, named, flagged, local] {
        assert!(!task.is_finished());
        task.abort();
    }
}

#[test]
fn while_it_is_disabled_time_boxes_abort_and_limits_hold() {
    run(async {
        taskleak::manager().disable();
        assert!(!taskleak::manager().is_enabled());
        time_boxes_abort().await;
        limits_hold().await;
        tokio::task::yield_now().await;
        nothing_else_is_tracked().await;
        taskleak::manager().enable();
        assert!(taskleak::manager().is_enabled());
        time_boxes_abort().await;
    });
}

/// Nor those that are known by their runtime's hooks only.
#[cfg(tokio_unstable)]
#[test]
fn while_it_is_disabled_hooks_track_nothing() {
    run(async {
        let runtime = taskleak::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        taskleak::manager().disable();
        let unseen = runtime.handle().spawn(pending::<()>());
        assert_eq!(taskleak::manager().snapshot().total(), 0);
        taskleak::manager().shutdown(LONG).await.unwrap();
        taskleak::manager().enable();
        let seen = runtime.handle().spawn(pending::<()>());
        assert_eq!(taskleak::manager().snapshot().total(), 1);
        seen.abort();
        unseen.abort();
        taskleak::manager().shutdown(LONG).await.unwrap();
        runtime.shutdown_background();
    });
}

#[test]
fn with_taskleak_off_too() {
    let played = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "played_off", "--nocapture"])
        .env("IS_PLAYED", "1")
        .env("TASKLEAK", "off")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{text}");
}

#[test]
fn played_off() {
    if std::env::var_os("IS_PLAYED").is_none() {
        return;
    }
    run(async {
        assert!(!taskleak::manager().is_enabled());
        taskleak::manager().enable();
        assert!(!taskleak::manager().is_enabled());
        time_boxes_abort().await;
        limits_hold().await;
        tokio::task::yield_now().await;
        nothing_else_is_tracked().await;
    });
}

#[test]
fn a_variable_that_is_misspelt_is_noted_and_any_other_is_not() {
    let played = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "played_misspelt", "--nocapture"])
        .env("IS_PLAYED", "1")
        .env("TASKLEAK_INTERVALL", "1s")
        .env("TASKLEAK_REQUIRE_TOOLS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&played.stderr);
    assert!(played.status.success(), "{text}");
    let notes: Vec<_> = text
        .lines()
        .filter(|line| line.contains("TASKLEAK"))
        .collect();
    assert_eq!(notes.len(), 1, "{text}");
    assert!(
        notes[0].contains(
            "the environment variable TASKLEAK_INTERVALL means nothing to taskleak: did you mean \
             TASKLEAK_INTERVAL?"
        ),
        "{text}"
    );
}

#[test]
fn played_misspelt() {
    if std::env::var_os("IS_PLAYED").is_some() {
        run(async { taskleak::spawn(async {}).await.unwrap() });
    }
}
