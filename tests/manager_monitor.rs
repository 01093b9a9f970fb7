//! The monitor: cyclic snapshots, and names that keep growing. One monitor in a process, so the tests
//! take turns.

use pretty_assertions::assert_eq;
use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;
use taskleak::manager::{Config, Monitor, Observer, ObserverHandle, Snapshot, Suspect};
use taskleak::task::{Builder, JoinSet};

const LONG: Duration = Duration::from_secs(60);

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    taskleak::manager().configure(Config::new().interval(Duration::from_millis(1)).growth(4));
    turn
}

fn monitor() -> &'static Monitor {
    taskleak::manager().monitor()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

enum Told {
    Snapshot(Snapshot),
    Suspect(Suspect),
}

struct Tell(Mutex<Sender<Told>>);

impl Observer for Tell {
    fn snapshot_taken(&self, snapshot: &Snapshot) {
        let _ = self
            .0
            .lock()
            .unwrap()
            .send(Told::Snapshot(snapshot.clone()));
    }

    fn suspect_found(&self, suspect: &Suspect) {
        let _ = self.0.lock().unwrap().send(Told::Suspect(suspect.clone()));
    }
}

fn observe() -> (Receiver<Told>, ObserverHandle) {
    let (tell, told) = channel();
    (
        told,
        taskleak::manager().add_observer(Tell(Mutex::new(tell))),
    )
}

fn next_snapshot(told: &Receiver<Told>) -> Snapshot {
    loop {
        if let Told::Snapshot(snapshot) = told.recv_timeout(LONG).expect("the monitor runs") {
            return snapshot;
        }
    }
}

/// Until no snapshot of a stopped monitor is being taken any more.
fn until_gone() {
    loop {
        let snapshot = taskleak::manager().snapshot();
        if snapshot.live("taskleak-monitor") == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn it_takes_snapshots_until_it_is_stopped() {
    let _turn = turn();
    // Without a timer of the runtime's.
    let runtime = runtime();
    let (told, handle) = observe();
    let number = taskleak::manager().snapshot().number();
    monitor().start_on(runtime.handle());
    let first = next_snapshot(&told);
    let second = next_snapshot(&told);
    assert!(number < first.number() && first.number() < second.number());
    let itself = second.tasks_named("taskleak-monitor").next().unwrap();
    assert!(itself.is_background());
    assert!(itself.started_at().is_some());
    monitor().stop();
    until_gone();
    assert!(handle.flush(LONG));
    while told.try_recv().is_ok() {}
    thread::sleep(Duration::from_millis(20));
    assert!(handle.flush(LONG));
    assert!(told.try_recv().is_err());
    assert!(monitor().last().unwrap().number() >= second.number());
}

#[test]
fn starts_and_stops_may_come_in_any_number_from_anywhere() {
    let _turn = turn();
    let runtime = runtime();
    for is_started_last in [true, false] {
        thread::scope(|scope| {
            for number in 0..8 {
                let runtime = &runtime;
                scope.spawn(move || {
                    for step in 0..200 {
                        if (number + step) % 2 == 0 {
                            monitor().start_on(runtime.handle());
                        } else {
                            monitor().stop();
                        }
                    }
                });
            }
        });
        if is_started_last {
            monitor().start_on(runtime.handle());
            assert!(monitor().is_running());
            let (told, _handle) = observe();
            next_snapshot(&told);
            // Of all those that were started one is left.
            let one_is_left = || taskleak::manager().snapshot().live("taskleak-monitor") == 1;
            while !one_is_left() {
                thread::sleep(Duration::from_millis(1));
            }
        } else {
            monitor().stop();
            assert!(!monitor().is_running());
            until_gone();
        }
    }
}

#[test]
fn a_new_interval_holds_at_once() {
    let _turn = turn();
    monitor().set_interval(Duration::from_secs(3600));
    let runtime = runtime();
    let (told, _handle) = observe();
    monitor().start_on(runtime.handle());
    thread::sleep(Duration::from_millis(10));
    assert!(told.try_recv().is_err());
    monitor().set_interval(Duration::from_millis(1));
    next_snapshot(&told);
    monitor().stop();
    until_gone();
}

/// Also in the middle of a snapshot: at this pace one is nearly always being taken.
#[test]
fn it_ends_with_its_runtime_and_starts_on_another() {
    let _turn = turn();
    for round in 0..20 {
        let runtime = runtime();
        for _ in 0..1000 {
            Builder::new()
                .name("in the way")
                .spawn_on(pending::<()>(), runtime.handle());
        }
        let (told, _handle) = observe();
        monitor().start_on(runtime.handle());
        next_snapshot(&told);
        if round % 2 == 0 {
            drop(runtime);
        } else {
            runtime.shutdown_background();
        }
        while monitor().is_running() {
            thread::sleep(Duration::from_millis(1));
        }
        until_gone();
    }
    let dead = runtime();
    let handle = dead.handle().clone();
    drop(dead);
    monitor().start_on(&handle);
    assert!(!monitor().is_running());
}

/// Whether a name was ever suspect in snapshots before each of which `step` was done.
fn suspects_while(name: &str, snapshots: usize, mut step: impl FnMut()) -> Vec<Suspect> {
    monitor().stop();
    let mut suspects = Vec::new();
    for _ in 0..snapshots {
        step();
        let snapshot = monitor().take_now();
        suspects.extend(
            snapshot
                .suspects()
                .iter()
                .filter(|one| one.name() == name)
                .cloned(),
        );
        // More than a tick of the clock that tasks are timed by.
        thread::sleep(Duration::from_millis(12));
    }
    suspects
}

#[test]
fn a_name_that_grows_and_whose_tasks_do_not_end_is_suspect() {
    let _turn = turn();
    let runtime = runtime();
    let (told, handle) = observe();
    let suspects = suspects_while("leaks", 7, || {
        for _ in 0..3 {
            Builder::new()
                .name("leaks")
                .spawn_on(pending::<()>(), runtime.handle());
        }
    });
    let counts: Vec<_> = suspects
        .iter()
        .map(|suspect| suspect.counts().to_vec())
        .collect();
    assert_eq!(counts, [[3, 6, 9, 12], [6, 9, 12, 15], [9, 12, 15, 18]]);
    let survivors: Vec<_> = suspects.iter().map(Suspect::survivors).collect();
    assert_eq!(survivors, [3, 6, 9]);
    let snapshot = taskleak::manager().snapshot();
    let leaked = snapshot.tasks_named("leaks").next().unwrap();
    assert_eq!(snapshot.suspects(), &suspects[2..]);
    assert_eq!(suspects[2].fingerprint(), leaked.fingerprint());
    assert_eq!(suspects[2].location(), leaked.location());
    let text = suspects[0].to_string();
    let expected = "`leaks` grew from 3 to 12 lasting tasks over 4 snapshots, and 3 of the first have not ended; \
                    spawned at tests/manager_monitor.rs:";
    assert!(text.starts_with(expected), "{text}");
    assert!(handle.flush(LONG));
    let told: Vec<_> = told
        .try_iter()
        .filter_map(|told| match told {
            Told::Suspect(suspect) => Some(suspect),
            Told::Snapshot(_) => None,
        })
        .collect();
    assert_eq!(told, suspects);
}

/// Nobody would take them back: what is suspect ends with what found it.
#[test]
fn no_name_is_suspect_once_the_monitor_has_stopped() {
    let _turn = turn();
    let tasks = runtime();
    let leak = || {
        Builder::new()
            .name("was suspect")
            .spawn_on(pending::<()>(), tasks.handle());
    };
    let are_there = || {
        let snapshot = taskleak::manager().snapshot();
        let mut names = snapshot.suspects().iter().map(Suspect::name);
        names.any(|name| name == "was suspect")
    };
    for is_stopped in [true, false] {
        let runtime = runtime();
        monitor().start_on(runtime.handle());
        while !are_there() {
            leak();
            thread::sleep(Duration::from_millis(2));
        }
        if is_stopped {
            monitor().stop();
        } else {
            drop(runtime);
        }
        until_gone();
        assert!(!monitor().is_running());
        assert!(!are_there(), "stopped: {is_stopped}");
    }
    // Taken by hand: a run that starts after it does not go on from there.
    monitor().stop();
    for _ in 0..3 {
        leak();
        monitor().take_now();
    }
    let runtime = runtime();
    let (told, _handle) = observe();
    monitor().set_interval(Duration::from_millis(20));
    leak();
    monitor().start_on(runtime.handle());
    assert_eq!(next_snapshot(&told).suspects(), []);
    monitor().stop();
    until_gone();
}

/// A snapshot has a record of each task: a few wait, however many are taken.
#[test]
fn an_observer_that_hangs_keeps_few_snapshots() {
    struct Hangs(Mutex<Receiver<()>>, Sender<()>, Mutex<Vec<u64>>);
    impl Observer for Hangs {
        fn snapshot_taken(&self, snapshot: &Snapshot) {
            self.2.lock().unwrap().push(snapshot.number());
            let _ = self.1.send(());
            let _ = self.0.lock().unwrap().recv();
        }
    }
    let _turn = turn();
    monitor().stop();
    until_gone();
    let (unblock, blocked) = channel();
    let (called, calls) = channel();
    let hangs = Arc::new(Hangs(Mutex::new(blocked), called, Mutex::default()));
    let handle = taskleak::manager().add_observer(hangs.clone());
    let take = || Arc::downgrade(&monitor().take_now());
    let mut taken = vec![take()];
    calls.recv().unwrap();
    taken.extend((0..100).map(|_| take()));
    let kept = |taken: &[Weak<Snapshot>]| {
        let kept = taken.iter().filter(|one| one.strong_count() > 0);
        kept.count()
    };
    // The one that is read, and the two that wait, of which one is the monitor's last.
    assert_eq!(kept(&taken), 3);
    assert_eq!(handle.missed(), 98);
    let last_three = [0, 99, 100].map(|place: usize| taken[place].upgrade().unwrap().number());
    drop(unblock);
    assert!(handle.flush(LONG));
    assert_eq!(*hangs.2.lock().unwrap(), last_three);
    assert_eq!((handle.missed(), handle.panics()), (98, 0));
}

/// Cyclic snapshots ask the tasks of a suspect what they wait for.
#[test]
fn a_suspect_has_its_await_site() {
    let _turn = turn();
    let runtime = runtime();
    monitor().set_interval(Duration::from_millis(15));
    let (told, _handle) = observe();
    monitor().start_on(runtime.handle());
    let suspect = loop {
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        let wait = async move {
            let _send = send;
            let _ = receive.await;
        };
        Builder::new()
            .name("waits")
            .spawn_on(wait, runtime.handle());
        let is_traced =
            |suspect: &Suspect| suspect.name() == "waits" && suspect.await_site().is_some();
        let found = told.try_iter().find_map(|told| match told {
            Told::Suspect(suspect) if is_traced(&suspect) => Some(suspect),
            _ => None,
        });
        match found {
            Some(suspect) => break suspect,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let site = suspect.await_site().unwrap();
    assert!(
        site.contains("manager_monitor.rs") || site.contains("Receiver"),
        "{site}"
    );
    assert!(suspect.to_string().contains(", waiting in "), "{suspect}");
    monitor().stop();
    until_gone();
}

#[test]
fn a_name_that_grows_while_its_older_tasks_end_is_none() {
    let _turn = turn();
    let runtime = runtime();
    let mut tasks = JoinSet::new();
    let mut count = 1;
    let suspects = suspects_while("ramps up", 10, || {
        // More each time, and all are new.
        runtime.block_on(tasks.shutdown());
        count += 2;
        let _entered = runtime.enter();
        for _ in 0..count {
            Builder::new()
                .name("ramps up")
                .spawn_into(&mut tasks, pending::<()>());
        }
    });
    assert_eq!(suspects, []);
}

/// Fifty tasks of the name come before each snapshot, and have ended before the next.
#[test]
fn a_leak_beside_traffic_of_its_name_is_found_as_soon_as_one_that_stands_alone() {
    let _turn = turn();
    let runtime = runtime();
    for leaks in [true, false] {
        let name = if leaks { "leaky handler" } else { "handler" };
        let spawn = || Builder::new().name(name);
        let mut traffic = JoinSet::new();
        let suspects = suspects_while(name, 12, || {
            runtime.block_on(traffic.shutdown());
            // A join comes a moment before the end that is counted.
            let ended = || {
                let snapshot = taskleak::manager().snapshot();
                snapshot.live(name) < 50
            };
            while !ended() {
                thread::yield_now();
            }
            if leaks {
                spawn().spawn_on(pending::<()>(), runtime.handle());
            }
            let _entered = runtime.enter();
            for _ in 0..50 {
                spawn().spawn_into(&mut traffic, pending::<()>());
            }
        });
        if !leaks {
            assert_eq!(suspects, []);
            continue;
        }
        assert_eq!(suspects.len(), 12 - 4, "from the fifth snapshot on");
        assert_eq!(suspects[0].counts(), [1, 2, 3, 4]);
        assert_eq!((suspects[0].live(), suspects[0].survivors()), (55, 1));
    }
}

/// What is declared to live on is never a leak, however many there are.
#[test]
fn background_tasks_are_never_suspect() {
    let _turn = turn();
    let runtime = runtime();
    let mut number = 0;
    let mut spawn = |is_background: bool| {
        for own_name in [false, true] {
            number += 1;
            let task = Builder::new().name("on purpose");
            let task = match own_name {
                true => task.name(format!("on purpose {number}")),
                false => task,
            };
            let task = match is_background {
                true => task.background(),
                false => task,
            };
            task.spawn_on(pending::<()>(), runtime.handle());
        }
    };
    assert_eq!(suspects_of(12, || spawn(true)), []);
    // A leak beside them is found, and they are not counted with it.
    let suspects = suspects_of(5, || {
        spawn(true);
        spawn(false);
    });
    let mut found: Vec<_> = suspects
        .iter()
        .map(|one| (one.names_differ(), one.counts().to_vec(), one.live()))
        .collect();
    found.sort_unstable();
    let counts = vec![1, 2, 3, 4];
    assert_eq!(found, [(false, counts.clone(), 5), (true, counts, 5)]);
}

/// A name goes into logs.
#[test]
fn a_name_cannot_forge_a_line() {
    let _turn = turn();
    let runtime = runtime();
    let suspects = suspects_of(5, || {
        Builder::new()
            .name("a\nERROR forged")
            .spawn_on(pending::<()>(), runtime.handle());
    });
    let text = suspects[0].to_string();
    assert!(text.starts_with("`a\\nERROR forged` grew"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_name_whose_count_stays_is_none() {
    let _turn = turn();
    let runtime = runtime();
    for _ in 0..50 {
        Builder::new()
            .name("stays")
            .spawn_on(pending::<()>(), runtime.handle());
    }
    assert_eq!(suspects_while("stays", 10, || ()), []);
}

/// What leaks at most now and then stays suspect meanwhile; a pool that grew for as long does not for
/// ever.
#[test]
fn a_suspect_stays_one_through_pauses_until_it_drains() {
    let _turn = turn();
    let runtime = runtime();
    let mut tasks = JoinSet::new();
    let mut step = 0;
    // Every third snapshot has one more, of which none ends: suspect at the fourth high, which is seen in
    // the snapshot after it.
    let suspects = suspects_while("now and then", 22, || {
        if step % 3 == 0 {
            let _entered = runtime.enter();
            Builder::new()
                .name("now and then")
                .spawn_into(&mut tasks, pending::<()>());
        }
        step += 1;
    });
    assert_eq!(
        suspects.len(),
        22 - 10,
        "from the eleventh on, without a gap"
    );
    assert_eq!(suspects[0].counts(), [1, 2, 3, 4]);
    assert_eq!(suspects[11].live(), 8);
    runtime.block_on(tasks.shutdown());
    assert_eq!(
        monitor().take_now().suspects(),
        [],
        "those that were suspect have ended"
    );
}

#[test]
fn a_pool_that_grew_to_its_size_is_none_any_more() {
    let _turn = turn();
    let runtime = runtime();
    let mut step = 0;
    // Fills in three snapshots, as many as a watch of four allows.
    let quick = suspects_while("quick pool", 12, || {
        if step < 3 {
            Builder::new()
                .name("quick pool")
                .spawn_on(pending::<()>(), runtime.handle());
        }
        step += 1;
    });
    assert_eq!(quick, []);
    let mut step = 0;
    let slow = suspects_while("slow pool", 20, || {
        if step < 6 {
            Builder::new()
                .name("slow pool")
                .spawn_on(pending::<()>(), runtime.handle());
        }
        step += 1;
    });
    // Three while it still grew, five more since it had grown over so many.
    assert_eq!(slow.len(), 3 + 5);
}

/// Of each name there is one task only.
#[test]
fn tasks_with_names_of_their_own_are_suspect_by_their_spawn_site() {
    let _turn = turn();
    let runtime = runtime();
    let mut number = 0;
    let mut connect = || {
        number += 1;
        Builder::new()
            .name(format!("connection {number}"))
            .spawn_on(pending::<()>(), runtime.handle())
    };
    let task = connect();
    let suspects = suspects_of(7, || drop(connect()));
    let counts: Vec<_> = suspects.iter().map(|one| one.counts().to_vec()).collect();
    assert_eq!(counts, [[2, 3, 4, 5], [3, 4, 5, 6], [4, 5, 6, 7]]);
    assert!(suspects.iter().all(Suspect::names_differ));
    let text = suspects[0].to_string();
    assert!(
        text.contains("` (each by a name of its own) grew from 2 to 5 "),
        "{text}"
    );
    assert!(
        suspects[0]
            .location()
            .file()
            .ends_with("manager_monitor.rs")
    );
    task.abort();
}

/// As a server whose connections come and go.
#[test]
fn names_of_their_own_make_no_suspect_of_tasks_that_end() {
    let _turn = turn();
    let runtime = runtime();
    let mut number = 0;
    let mut tasks = std::collections::VecDeque::new();
    let suspects = suspects_of(12, || {
        // More and more, and each lives for two snapshots.
        for _ in 0..=number {
            let task = Builder::new().name(format!("connection {number}"));
            tasks.push_back((number, task.spawn_on(pending::<()>(), runtime.handle())));
            while tasks.front().is_some_and(|(born, _)| born + 2 <= number) {
                let (_, task) = tasks.pop_front().unwrap();
                task.abort();
                assert!(runtime.block_on(task).unwrap_err().is_cancelled());
            }
        }
        number += 1;
    });
    assert_eq!(suspects, []);
}

/// One name that is made at run time is told of once, by that name.
#[test]
fn one_name_of_a_spawn_site_is_one_suspect() {
    let _turn = turn();
    let runtime = runtime();
    let suspects = suspects_of(5, || {
        Builder::new()
            .name("egress".to_owned())
            .spawn_on(pending::<()>(), runtime.handle());
    });
    let names: Vec<_> = suspects.iter().map(Suspect::name).collect();
    assert_eq!(names, ["egress"]);
    assert!(!suspects[0].names_differ());
}

/// All suspects of snapshots before each of which `step` was done.
fn suspects_of(snapshots: usize, mut step: impl FnMut()) -> Vec<Suspect> {
    monitor().stop();
    let snapshots = (0..snapshots).map(|_| {
        step();
        let snapshot = monitor().take_now();
        thread::sleep(Duration::from_millis(12));
        snapshot
    });
    snapshots.flat_map(|one| one.suspects().to_vec()).collect()
}
