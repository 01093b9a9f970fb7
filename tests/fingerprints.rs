//! One task has one number, whoever looks at it and however it is shown.

use std::future::pending;
use std::hint::black_box;
use std::time::{Duration, Instant};
use taskleak::{Options, find, live_tasks, manager, verify_none};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(60);

async fn forever() {
    pending::<()>().await
}

/// Does something after the spawn, or the optimizer leaves no frame of it.
fn start() -> JoinHandle<()> {
    black_box(taskleak::spawn(forever()))
}

fn start_again() -> JoinHandle<()> {
    black_box(taskleak::spawn(forever()))
}

fn start_any<T: Default>() -> JoinHandle<()> {
    let _ = T::default();
    black_box(taskleak::spawn(forever()))
}

#[track_caller]
fn start_for_the_caller() -> JoinHandle<()> {
    black_box(taskleak::spawn(forever()))
}

fn only_fingerprint(start: fn() -> JoinHandle<()>) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    drop(start());
    let [task] = &*live_tasks() else {
        panic!("there is one task")
    };
    let fingerprint = task.fingerprint().to_string();
    drop(runtime);
    fingerprint
}

#[test]
fn the_spawning_function_counts_and_its_type_arguments_do_not() {
    let _turn = turn();
    let of = [
        only_fingerprint(start),
        only_fingerprint(start_again),
        only_fingerprint(start_any::<u8>),
    ];
    assert_eq!(of[0], only_fingerprint(start));
    assert_eq!(of[2], only_fingerprint(start_any::<String>));
    assert_ne!(of[0], of[1]);
    assert_ne!(of[0], of[2]);
    assert_ne!(of[1], of[2]);
}

#[test]
fn who_calls_a_spawner_of_ones_own_counts() {
    fn one() -> JoinHandle<()> {
        black_box(start_for_the_caller())
    }
    fn another() -> JoinHandle<()> {
        black_box(start_for_the_caller())
    }
    let _turn = turn();
    assert_ne!(only_fingerprint(one), only_fingerprint(another));
}

/// With and without a guard, and so a backtrace; asked and not asked; every output.
#[test]
fn every_output_has_the_same_one() {
    let _turn = turn();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    drop(start());
    let unguarded = live_tasks()[0].fingerprint();
    let guard = verify_none().on_leak(taskleak::Action::Warn);
    drop(start());
    let fingerprints: Vec<_> = live_tasks().iter().map(|task| task.fingerprint()).collect();
    assert_eq!(fingerprints, [unguarded, unguarded]);

    let look = || find(Options::new().grace(Duration::ZERO)).unwrap_err();
    let mut report = look();
    // A busy machine may not have come to poll it when it is asked.
    let begun = Instant::now();
    while report.leaks()[0].await_trace().is_none() && begun.elapsed() < LONG {
        report = look();
    }
    let leak = &report.leaks()[0];
    assert!(leak.await_trace().is_some());
    assert_eq!(leak.fingerprint(), unguarded);
    let one = unguarded.to_string();
    assert!(
        report
            .to_string()
            .contains(&format!("fingerprint: {one}\n"))
    );
    let dump = taskleak::dump_blocking();
    assert!(dump.tasks().all(|task| task.fingerprint() == unguarded));
    let traced = runtime.block_on(manager().traced_snapshot(LONG));
    assert!(
        traced
            .tasks()
            .iter()
            .all(|task| task.await_trace().is_some())
    );
    for task in traced.tasks().iter().chain(manager().snapshot().tasks()) {
        assert_eq!(task.fingerprint(), unguarded);
    }
    #[cfg(feature = "json")]
    {
        let report: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(report["leaks"][0]["fingerprint"], one);
    }
    #[cfg(feature = "pprof")]
    for snapshot in [&traced, &manager().snapshot()] {
        let profile = taskleak::export::pprof::Profile::of(snapshot).to_string();
        let label = format!(r#""fingerprint":"{one}""#);
        assert!(profile.contains(&label), "{profile}");
    }
    #[cfg(feature = "prometheus")]
    {
        let mut metrics = String::new();
        for _ in 0..15 {
            drop(start());
            manager().monitor().take_now();
            metrics = taskleak::export::prometheus::text();
        }
        let label = format!(r#"taskleak_suspect_tasks{{fingerprint="{one}""#);
        assert!(metrics.contains(&label), "{metrics}");
    }
    #[cfg(feature = "http")]
    {
        use std::io::{Read, Write};
        let server = taskleak::export::http::serve(0).unwrap();
        let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
        let path = format!("/debug/tasks.json?q={one}");
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let page: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(page["matching"].as_u64().unwrap() >= 2, "{page}");
        assert_eq!(page["tasks"][0]["fingerprint"], one);
    }
    drop(guard);
    drop(runtime);
}

/// All tests see the tasks of all: one at a time.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
