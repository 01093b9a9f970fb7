//! Tests side by side on a runtime that they share, of which only one has a guard.

use std::future::pending;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use taskleak::Track;
use taskleak::task::Builder;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What one test tells the other.
struct Step {
    tell: Sender<()>,
    told: Mutex<Receiver<()>>,
}

impl Step {
    fn new() -> Self {
        let (tell, told) = channel();
        Self {
            tell,
            told: Mutex::new(told),
        }
    }

    fn is_done(&self) {
        self.tell.send(()).unwrap();
    }

    /// Much longer than a busy machine takes for the other test.
    fn wait(&self) {
        let told = self.told.lock().unwrap();
        told.recv_timeout(Duration::from_secs(100)).unwrap();
    }
}

static IS_OPEN: LazyLock<Step> = LazyLock::new(Step::new);
static HAS_SPAWNED: LazyLock<Step> = LazyLock::new(Step::new);
static HAS_JUDGED: LazyLock<Step> = LazyLock::new(Step::new);

fn guarded(leaks: bool) {
    RUNTIME.block_on(async {
        let guard = taskleak::verify_none().grace(Duration::from_millis(10));
        IS_OPEN.is_done();
        HAS_SPAWNED.wait();
        if leaks {
            Builder::new().name("its own").spawn(pending::<()>());
        }
        guard.finish().await;
    });
}

#[test]
#[ignore = "run beside the next one in a process of their own"]
fn clean_beside_an_unguarded_one() {
    guarded(false);
    HAS_JUDGED.is_done();
}

#[test]
#[ignore = "run beside the next one in a process of their own"]
fn leaking_beside_an_unguarded_one() {
    guarded(true);
}

/// Its tasks are its own, wherever it spawns them from.
#[test]
#[ignore = "run beside the others in a process of their own"]
fn unguarded() {
    IS_OPEN.wait();
    let by_handle = Builder::new().name("by a handle");
    let mut tasks = vec![by_handle.spawn_on(pending::<()>(), RUNTIME.handle())];
    RUNTIME.block_on(async {
        tasks.push(taskleak::spawn(pending()));
        tasks.push(tokio::spawn(pending().tracked_as("marked")));
        while taskleak::live_tasks().len() < tasks.len() {
            tokio::task::yield_now().await;
        }
    });
    HAS_SPAWNED.is_done();
    if std::env::var_os("LEAKS").is_none() {
        HAS_JUDGED.wait();
        // Nobody has aborted them.
        assert!(tasks.iter().all(|task| !task.is_finished()));
    }
}

fn run(guarded: &str, leaks: bool) -> (String, bool) {
    let executable = std::env::current_exe().expect("a test binary knows itself");
    let mut command = Command::new(executable);
    command.args([
        "--exact",
        "unguarded",
        guarded,
        "--ignored",
        "--test-threads=2",
    ]);
    if leaks {
        command.env("LEAKS", "1");
    }
    let output = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (text, output.status.success())
}

#[test]
fn a_neighbour_is_not_blamed() {
    let (text, passed) = run("clean_beside_an_unguarded_one", false);
    assert!(passed && text.contains("2 passed"), "{text}");
}

#[test]
fn what_it_leaks_itself_is_found() {
    let (text, passed) = run("leaking_beside_an_unguarded_one", true);
    assert!(!passed, "{text}");
    assert!(text.contains("1 task outlived"), "{text}");
    assert!(text.contains("leak: `its own`"), "{text}");
}
