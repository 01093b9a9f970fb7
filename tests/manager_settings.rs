//! The manager is set up by variables and by a `Config`, also while its monitor is in the middle of a
//! cycle. One manager in a process, so the tests take turns.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use taskleak::manager;
use taskleak::manager::{Config, Monitor, Observer, ObserverHandle, Snapshot, Suspect};
use taskleak::task::{Builder, JoinSet};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    manager().configure(Config::new().interval(SHORT).growth(3));
    turn
}

fn monitor() -> &'static Monitor {
    manager().monitor()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

/// Is told the numbers of snapshots.
struct Numbers(Mutex<Sender<u64>>);

impl Observer for Numbers {
    fn snapshot_taken(&self, snapshot: &Snapshot) {
        let _ = self.0.lock().unwrap().send(snapshot.number());
    }
}

fn observe() -> (Receiver<u64>, ObserverHandle) {
    let (tell, told) = channel();
    (told, manager().add_observer(Numbers(Mutex::new(tell))))
}

fn next(told: &Receiver<u64>) -> u64 {
    told.recv_timeout(LONG).expect("snapshots are taken")
}

/// What was on its way is told, and nothing after it.
#[track_caller]
fn assert_none_is_told(told: &Receiver<u64>, handle: &ObserverHandle) {
    assert!(handle.flush(LONG));
    while told.try_recv().is_ok() {}
    thread::sleep(Duration::from_millis(5));
    assert!(handle.flush(LONG));
    assert_eq!(told.try_recv().ok(), None);
}

/// Enough tasks for a snapshot to take longer than the pause before the next.
fn many(runtime: &tokio::runtime::Runtime) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let _runtime = runtime.enter();
    for number in 0..3000 {
        Builder::new()
            .name(format!("many {}", number % 100))
            .spawn_into(&mut tasks, pending::<()>());
    }
    tasks
}

/// At this pace one is nearly always being taken when they are switched off.
#[test]
fn snapshots_are_switched_off_and_on_in_the_middle_of_one() {
    let _turn = turn();
    let runtime = runtime();
    let _tasks = many(&runtime);
    let (told, handle) = observe();
    monitor().start_on(runtime.handle());
    for round in 0..40 {
        let number = next(&told);
        // Somewhere in a cycle.
        thread::sleep(Duration::from_micros(100) * (round % 13));
        manager().configure(manager().config().snapshots(false));
        assert!(!monitor().is_running());
        assert_none_is_told(&told, &handle);
        // Whatever else is set up meanwhile.
        monitor().set_interval(SHORT * (1 + round % 2));
        monitor().start_on(runtime.handle());
        assert_none_is_told(&told, &handle);
        manager().configure(manager().config().snapshots(true));
        assert!(monitor().is_running());
        assert!(next(&told) > number);
    }
    // It is the same run all along, and stops as ever.
    assert_eq!(manager().snapshot().live("taskleak-monitor"), 1);
    monitor().stop();
    assert_none_is_told(&told, &handle);
}

#[test]
fn an_interval_that_grows_holds_at_once_too() {
    let _turn = turn();
    let runtime = runtime();
    let _tasks = many(&runtime);
    let (told, handle) = observe();
    monitor().start_on(runtime.handle());
    for round in 0..20 {
        next(&told);
        thread::sleep(Duration::from_micros(100) * (round % 13));
        monitor().set_interval(HOUR);
        assert_eq!(manager().config().interval(HOUR), manager().config());
        let now = manager().snapshot().number();
        thread::sleep(Duration::from_millis(5));
        assert!(handle.flush(LONG));
        // One may have been due already.
        let told_since = told.try_iter().filter(|number| *number > now);
        assert!(told_since.count() <= 1);
        monitor().set_interval(SHORT);
        // The one that was on its way may be told only now.
        while next(&told) <= now {}
    }
    monitor().stop();
}

/// From many threads at a time, with the manager itself: what is set last is what holds.
#[test]
fn what_is_set_last_holds() {
    let _turn = turn();
    let runtime = runtime();
    let _tasks = many(&runtime);
    let (told, handle) = observe();
    for takes_snapshots in [true, false, true] {
        thread::scope(|scope| {
            for thread in 0..4 {
                let runtime = &runtime;
                scope.spawn(move || {
                    for step in 0..100_u32 {
                        match (thread + step) % 5 {
                            0 => manager().configure(manager().config().snapshots(false)),
                            1 => monitor().set_interval(SHORT),
                            2 => manager().configure(manager().config().snapshots(true)),
                            3 => monitor().start_on(runtime.handle()),
                            _ => {
                                manager().disable();
                                manager().enable();
                            }
                        }
                    }
                });
            }
        });
        monitor().start_on(runtime.handle());
        let config = Config::new().interval(SHORT).snapshots(takes_snapshots);
        manager().configure(config.clone());
        assert_eq!(manager().config(), config);
        assert_eq!(monitor().is_running(), takes_snapshots);
        if takes_snapshots {
            let number = manager().snapshot().number();
            while next(&told) < number {}
        } else {
            assert_none_is_told(&told, &handle);
        }
    }
    monitor().stop();
}

/// What grew before snapshots were switched off counts no more; what a service looks for on a schedule of
/// its own counts all the same.
#[test]
fn no_name_is_suspect_while_snapshots_are_off() {
    let _turn = turn();
    let runtime = runtime();
    let mut tasks = JoinSet::new();
    let mut grow = || {
        let _runtime = runtime.enter();
        Builder::new()
            .name("grows")
            .spawn_into(&mut tasks, pending::<()>());
        let snapshot = monitor().take_now();
        // More than a tick of the clock that tasks are timed by.
        thread::sleep(Duration::from_millis(12));
        snapshot.suspects().first().map(Suspect::live)
    };
    let grown = [grow(), grow(), grow(), grow()];
    assert_eq!(grown, [None, None, None, Some(4)]);
    manager().configure(manager().config().snapshots(false));
    assert_eq!(manager().snapshot().suspects(), []);
    assert_eq!([grow(), grow(), grow()], [None; 3]);
    // Not switched off once more.
    manager().set_backtraces(true);
    manager().configure(manager().config().backtraces(false).snapshots(false));
    assert_eq!(grow(), Some(8));
    monitor().stop();
}

/// What the process does that the next test starts with variables.
#[test]
#[ignore = "says what the variables made of the manager"]
fn say() {
    let monitor_runs = {
        let runtime = runtime();
        monitor().start_on(runtime.handle());
        let runs = monitor().is_running();
        monitor().stop();
        runs
    };
    println!(
        "said: enabled {}, interval {:?}, monitor {monitor_runs}, growth 4 {}",
        manager().is_enabled(),
        monitor().interval(),
        manager().config() == Config::new().growth(4),
    );
}

fn said(variables: &[(&str, &str)]) -> (String, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for variable in ["TASKLEAK_MANAGER", "TASKLEAK_INTERVAL", "TASKLEAK_GROWTH"] {
        command.env_remove(variable);
    }
    let output = command
        .args(["--ignored", "--exact", "say", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let stdout = text(output.stdout);
    let said = stdout.split_once("said: ").expect("it says").1;
    let said = said.lines().next().unwrap_or_default().to_owned();
    (said, text(output.stderr))
}

#[test]
fn variables_set_the_manager_up() {
    let ten = "interval 10s";
    for (variables, expected) in [
        (
            &[][..],
            format!("enabled true, {ten}, monitor true, growth 4 false"),
        ),
        (
            &[("TASKLEAK_MANAGER", "off")],
            format!("enabled false, {ten}, monitor true, growth 4 false"),
        ),
        (
            &[("TASKLEAK_INTERVAL", "1500ms"), ("TASKLEAK_GROWTH", "4")],
            "enabled true, interval 1.5s, monitor true, growth 4 true".to_owned(),
        ),
        (
            &[("TASKLEAK_INTERVAL", "off")],
            format!("enabled true, {ten}, monitor false, growth 4 false"),
        ),
        (
            &[("TASKLEAK_INTERVAL", "")],
            format!("enabled true, {ten}, monitor true, growth 4 false"),
        ),
    ] {
        assert_eq!(said(variables), (expected, String::new()), "{variables:?}");
    }
    // A service runs all the same, and is told.
    let (said, noted) = said(&[("TASKLEAK_INTERVAL", "often")]);
    assert_eq!(
        said,
        format!("enabled true, {ten}, monitor true, growth 4 false")
    );
    assert!(
        noted.contains("TASKLEAK_INTERVAL is set to \"often\""),
        "{noted}"
    );
}
