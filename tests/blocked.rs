//! Tasks that hold their threads are reported with where they hold them.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};
use taskleak::{LeakReport, Options, TaskInfo, find, live_tasks, verify_none};
use tokio::runtime::Runtime;

const SHORT: Duration = Duration::from_millis(20);
/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// Some look at all tasks: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Finds the tasks that `spawn` left, once that holds of the report, or the last of many; then lets them end.
fn found(
    holds: impl Fn(&LeakReport) -> bool,
    spawn: impl FnOnce(),
    end: impl FnOnce(),
) -> Result<(), LeakReport> {
    let _turn = turn();
    let runtime = Runtime::new().unwrap();
    let guard = verify_none();
    {
        let _entered = runtime.enter();
        spawn();
    }
    let begun = Instant::now();
    let found = loop {
        let found = find(Options::new().grace(3 * SHORT).blocked_after(SHORT));
        if found.as_ref().is_err_and(&holds) || begun.elapsed() > LONG {
            break found;
        }
    };
    end();
    // What was interrupted has gone on as if it had not been: the tasks end by themselves.
    guard.grace(LONG).finish_blocking();
    found
}

/// Whether the task has come to hold its thread there.
fn blocks(called: &str, by: &str) -> impl Fn(&LeakReport) -> bool {
    move |report| {
        let functions = functions(report);
        let is_called = functions.first().is_some_and(|one| one.contains(called));
        is_called && functions.iter().any(|one| one.contains(by))
    }
}

/// Whether the task had its turn.
fn has_its_turns(report: &LeakReport) -> bool {
    let mut tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
    !tasks.any(TaskInfo::is_silent)
}

fn functions(report: &LeakReport) -> Vec<String> {
    let task = report.leaks()[0].tasks().first().unwrap();
    let frames = task.blocked_frames();
    frames
        .iter()
        .map(|frame| frame.function().to_owned())
        .collect()
}

#[track_caller]
fn assert_blocks(found: &Result<(), LeakReport>, called: &str, by: &str) {
    let report = found.as_ref().expect_err("it holds its thread");
    let functions = functions(report);
    assert!(
        functions.iter().any(|one| one.contains(by)),
        "{functions:?}\n{report}"
    );
    assert!(functions[0].contains(called), "{functions:?}\n{report}");
    let text = report.to_string();
    assert!(text.contains("= blocks in:\n"), "{text}");
    let place = format!("blocked::{by}");
    assert!(
        text.lines()
            .any(|line| line.contains(&place) && line.contains("tests/blocked.rs:")),
        "{text}"
    );
}

fn naps_until(end: &AtomicBool) {
    while !end.load(SeqCst) {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn one_that_sleeps_on_its_thread() {
    let end = Arc::new(AtomicBool::new(false));
    let ended = end.clone();
    let begun = Instant::now();
    let found = found(
        blocks("std::thread::", "naps_until"),
        || drop(taskleak::spawn(async move { naps_until(&ended) })),
        || end.store(true, SeqCst),
    );
    assert_blocks(&found, "std::thread::", "naps_until");
    // The nap that was interrupted was not cut short.
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn one_that_sleeps_as_a_task_does_not() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let found = found(
        has_its_turns,
        || {
            drop(taskleak::spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(60)) => {}
                    _ = ended => {}
                }
            }));
        },
        || drop(end),
    );
    let report = found.unwrap_err();
    assert!(functions(&report).is_empty());
    assert!(!report.to_string().contains("= blocks in"), "{report}");
}

fn locks(lock: &Mutex<()>) {
    drop(lock.lock());
}

#[test]
fn one_in_a_deadlock_of_threads() {
    let lock = Arc::new(Mutex::new(()));
    let (here, there) = (lock.clone(), lock.clone());
    let held = here.lock().unwrap();
    let found = found(
        blocks("std::", "locks"),
        || drop(taskleak::spawn(async move { locks(&there) })),
        || drop(held),
    );
    assert_blocks(&found, "std::", "locks");
    let text = found.unwrap_err().to_string();
    assert!(text.contains("\n       std::sync::Mutex::lock\n"), "{text}");
    assert!(!lock.is_poisoned());
}

fn receives(receiver: &mpsc::Receiver<u32>) -> Option<u32> {
    receiver.recv().ok()
}

#[test]
fn one_that_receives_on_its_thread() {
    let (sender, receiver) = mpsc::channel();
    let (tells, told) = mpsc::channel();
    let found = found(
        blocks("std::sync::mpsc::", "receives"),
        || {
            drop(taskleak::spawn(async move {
                tells.send(receives(&receiver)).unwrap();
            }));
        },
        || sender.send(17).unwrap(),
    );
    assert_blocks(&found, "std::sync::mpsc::", "receives");
    assert_eq!(told.recv(), Ok(Some(17)));
}

#[test]
fn one_that_receives_as_a_task_does_not() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let found = found(
        has_its_turns,
        || drop(taskleak::spawn(async move { receiver.recv().await })),
        || sender.blocking_send(17).unwrap(),
    );
    assert!(functions(&found.unwrap_err()).is_empty());
}

fn spins_until(end: &AtomicBool) -> u64 {
    let mut rounds = 0_u64;
    while !end.load(SeqCst) {
        rounds = rounds.wrapping_add(1);
    }
    rounds
}

#[test]
fn one_that_computes() {
    let end = Arc::new(AtomicBool::new(false));
    let ended = end.clone();
    let found = found(
        blocks("", "spins_until"),
        || drop(taskleak::spawn(async move { _ = spins_until(&ended) })),
        || end.store(true, SeqCst),
    );
    assert_blocks(&found, "", "spins_until");
}

#[test]
fn one_that_looks_at_the_clock_all_the_time() {
    fn watches_the_clock_until(end: &AtomicBool) {
        while !end.load(SeqCst) {
            std::hint::black_box(Instant::now());
        }
    }
    let end = Arc::new(AtomicBool::new(false));
    let ended = end.clone();
    let found = found(
        blocks("", "watches_the_clock_until"),
        || {
            drop(taskleak::spawn(
                async move { watches_the_clock_until(&ended) },
            ))
        },
        || end.store(true, SeqCst),
    );
    let report = found.unwrap_err();
    let functions = functions(&report);
    assert!(
        functions
            .iter()
            .any(|one| one.contains("watches_the_clock_until")),
        "{functions:?}\n{report}"
    );
}

#[test]
fn one_that_yields_does_not() {
    let end = Arc::new(AtomicBool::new(false));
    let ended = end.clone();
    let found = found(
        has_its_turns,
        || {
            drop(taskleak::spawn(async move {
                while !ended.load(SeqCst) {
                    tokio::task::yield_now().await;
                }
            }));
        },
        || end.store(true, SeqCst),
    );
    assert!(functions(&found.unwrap_err()).is_empty());
}

/// Its worker is another thread by then.
#[test]
fn one_that_blocks_in_place_and_one_beside_it() {
    let _turn = turn();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel();
    let (begins, begun) = mpsc::channel();
    runtime.spawn_tracked(async move {
        tokio::task::block_in_place(|| {
            begins.send(()).unwrap();
            _ = receives(&receiver);
        });
    });
    begun.recv().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    runtime.spawn_tracked(async move { _ = ended.await });
    let blocking = |report: &LeakReport| {
        let blocks = |leak: &&taskleak::Leak| !leak.tasks()[0].blocked_frames().is_empty();
        report.leaks().iter().filter(blocks).count()
    };
    // A busy machine may take its time to come to the other one.
    let begun = Instant::now();
    let report = loop {
        let found = find(Options::new().grace(3 * SHORT).blocked_after(SHORT));
        let report = found.unwrap_err();
        let mut tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
        let is_answered = tasks.any(|task| !task.is_silent());
        if is_answered && blocking(&report) == 1 || begun.elapsed() > LONG {
            break report;
        }
    };
    assert_eq!(blocking(&report), 1, "{report}");
    assert!(report.blockers().is_empty(), "{report}");
    let text = report.to_string();
    assert!(text.contains("it blocks a thread in place"), "{text}");
    assert!(!text.contains("on which no other task can run"), "{text}");
    drop(end);
    sender.send(1).unwrap();
    guard.grace(Duration::from_secs(60)).finish_blocking();
}

#[test]
fn a_closure_on_the_blocking_pool() {
    let (sender, receiver) = mpsc::channel();
    let found = found(
        blocks("std::sync::mpsc::", "receives"),
        || drop(taskleak::task::spawn_blocking(move || receives(&receiver))),
        || sender.send(17).unwrap(),
    );
    assert_blocks(&found, "std::sync::mpsc::", "receives");
}

#[test]
fn a_poll_that_is_not_so_old_is_not_looked_at() {
    let _turn = turn();
    let runtime = Runtime::new().unwrap();
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel();
    runtime.spawn_tracked(async move { _ = receives(&receiver) });
    let hour = Duration::from_secs(60 * 60);
    let report = find(Options::new().grace(SHORT).blocked_after(hour)).unwrap_err();
    assert!(functions(&report).is_empty());
    assert!(!report.to_string().contains("= blocks in"), "{report}");
    sender.send(1).unwrap();
    guard.grace(Duration::from_secs(60)).finish_blocking();
}

/// The time after which a poll counts as blocked is longer than the grace, but it did not answer.
#[test]
fn one_that_does_not_answer_is_looked_at_however_short_the_grace() {
    let _turn = turn();
    let runtime = Runtime::new().unwrap();
    let guard = verify_none();
    let (sender, receiver) = mpsc::channel();
    let (begins, begun) = mpsc::channel();
    runtime.spawn_tracked(async move {
        tokio::task::block_in_place(|| {
            begins.send(()).unwrap();
            _ = receives(&receiver);
        });
    });
    begun.recv().unwrap();
    let report = find(Options::new().grace(SHORT)).unwrap_err();
    let text = report.to_string();
    assert!(text.contains("= blocks in:\n"), "{text}");
    assert!(text.contains("it blocks a thread in place"), "{text}");
    sender.send(1).unwrap();
    guard.grace(Duration::from_secs(60)).finish_blocking();
}

#[taskleak::leak_test(flavor = "multi_thread", grace = "20ms")]
#[ignore = "fails, as another test wants it to"]
async fn inner_that_blocks_in_place() {
    let (begins, begun) = tokio::sync::oneshot::channel();
    taskleak::spawn(async {
        tokio::task::block_in_place(|| {
            begins.send(()).unwrap();
            std::thread::sleep(Duration::from_secs(5));
        });
    });
    begun.await.unwrap();
}

#[test]
fn what_was_not_looked_at_is_not_told() {
    let text = |blocked| {
        let mut test = std::process::Command::new(std::env::current_exe().unwrap());
        test.args(["--ignored", "--exact", "inner_that_blocks_in_place"]);
        let output = test.env("TASKLEAK_BLOCKED", blocked).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let off = text("off");
    assert!(
        off.contains("nothing: it holds a thread of the runtime\n"),
        "{off}"
    );
    assert!(!off.contains("on which no other task can run"), "{off}");
    let on = text("1s");
    assert!(on.contains("it blocks a thread in place"), "{on}");
}

static MAY_RETURN: AtomicBool = AtomicBool::new(false);

#[taskleak::leak_test(flavor = "multi_thread", grace = "60ms", blocked_after = "20ms")]
#[ignore = "fails, as another test wants it to"]
async fn inner_that_says_when_a_poll_is_blocked() {
    taskleak::spawn(async { naps_until(&MAY_RETURN) });
}

#[taskleak::leak_test(flavor = "multi_thread", grace = "60ms", blocked_after = "60m")]
#[ignore = "fails, as another test wants it to"]
async fn inner_that_says_polls_may_take_an_hour() {
    taskleak::spawn(async { naps_until(&MAY_RETURN) });
}

#[test]
fn the_attribute_says_after_how_long() {
    let _turn = turn();
    let failure = |test: fn()| {
        let panic = std::panic::catch_unwind(test).expect_err("its task leaks");
        *panic.downcast::<String>().unwrap()
    };
    // A busy machine may begin the poll too late for it to be old when it is looked at.
    let mut blocked = String::new();
    for _ in 0..20 {
        blocked = failure(inner_that_says_when_a_poll_is_blocked);
        if blocked.contains("= blocks in:\n") {
            break;
        }
    }
    assert!(blocked.contains("= blocks in:\n"), "{blocked}");
    let polled = failure(inner_that_says_polls_may_take_an_hour);
    assert!(!polled.contains("= blocks in:\n"), "{polled}");
    MAY_RETURN.store(true, SeqCst);
    // Others look at all tasks.
    while !live_tasks().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

trait SpawnTracked {
    fn spawn_tracked(&self, future: impl Future<Output = ()> + Send + 'static);
}

impl SpawnTracked for Runtime {
    fn spawn_tracked(&self, future: impl Future<Output = ()> + Send + 'static) {
        let _entered = self.enter();
        drop(taskleak::spawn(future));
    }
}

/// Nobody judges, so nobody noted which thread polls.
#[test]
fn a_dump_has_it_too() {
    let _turn = turn();
    let runtime = Runtime::new().unwrap();
    let mut senders = Vec::new();
    for _ in 0..2 {
        let (sender, receiver) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        runtime.spawn_tracked(async move {
            // Asked in its second poll.
            tokio::task::yield_now().await;
            begins.send(()).unwrap();
            _ = receives(&receiver);
        });
        begun.recv().unwrap();
        senders.push(sender);
    }
    let receives = |task: &TaskInfo| {
        let frames = task.blocked_frames();
        frames
            .iter()
            .any(|frame| frame.function() == "blocked::receives")
    };
    let begun = Instant::now();
    let dump = loop {
        let dump = taskleak::dump_blocking();
        if dump.tasks().all(receives) || begun.elapsed() > LONG {
            break dump;
        }
    };
    assert!(dump.tasks().all(receives), "{dump}");
    assert_eq!(dump.task_count(), 2);
    assert!(dump.to_string().contains("= blocks in:\n"), "{dump}");
    drop(senders);
}

/// By several at a time, again and again, while the thread does what a signal could disturb.
#[test]
fn a_thread_that_is_looked_at_goes_on_unharmed() {
    let _turn = turn();
    let runtime = Runtime::new().unwrap();
    let end = Arc::new(AtomicBool::new(false));
    let (ended, (tells, told)) = (end.clone(), mpsc::channel());
    let (begins, begun) = mpsc::channel();
    runtime.spawn_tracked(async move {
        tokio::task::yield_now().await;
        begins.send(()).unwrap();
        let mut right = true;
        let folder = tempfile::tempdir().unwrap();
        for round in 0_usize.. {
            // Allocates, reads files, unwinds, waits with a timeout.
            let numbers: Vec<_> = (0..round % 1000).collect();
            right &= numbers.iter().sum::<usize>()
                == (round % 1000) * (round % 1000).saturating_sub(1) / 2;
            let path = folder.path().join("file");
            std::fs::write(&path, round.to_string()).unwrap();
            right &= std::fs::read_to_string(&path).unwrap() == round.to_string();
            right &=
                std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(round))).is_err();
            let (_sender, receiver) = mpsc::channel::<()>();
            right &= receiver.recv_timeout(Duration::from_micros(50))
                == Err(mpsc::RecvTimeoutError::Timeout);
            if ended.load(SeqCst) {
                break;
            }
        }
        tells.send(right).unwrap();
    });
    begun.recv().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let dump = taskleak::dump_blocking();
                    let task = dump.tasks().next().unwrap();
                    assert!(task.is_silent());
                }
            });
        }
    });
    end.store(true, SeqCst);
    assert_eq!(told.recv(), Ok(true));
}
