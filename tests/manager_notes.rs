//! What taskleak has to say to a service, each in a process of its own: on standard error, which may be gone.

use std::env;
use std::panic::panic_any;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use taskleak::manager::{Observer, TaskRecord};
use taskleak::task::Builder;

const LONG: Duration = Duration::from_secs(60);

/// This test binary once more, for one test that does nothing otherwise.
fn again(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
        .env("IS_PLAYED", test)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

fn is_played(test: &str) -> bool {
    env::var_os("IS_PLAYED").is_some_and(|played| played == test)
}

fn spawn_some(count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for _ in 0..count {
        let task = Builder::new().spawn_on(async {}, runtime.handle());
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn an_observer_is_called_again_though_its_panics_panic_and_nobody_hears_of_it() {
    let mut child = again("observes_and_panics").spawn().unwrap();
    // Whatever it writes fails from now on.
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
}

/// A panic that panics once more when it is dropped.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("again");
    }
}

struct Panics(Arc<AtomicUsize>);

impl Observer for Panics {
    fn task_finished(&self, _: &TaskRecord) {
        self.0.fetch_add(1, SeqCst);
        panic_any(Payload);
    }
}

#[test]
fn observes_and_panics() {
    if !is_played("observes_and_panics") {
        return;
    }
    // The reader of standard error may go a moment later.
    std::thread::sleep(Duration::from_millis(200));
    let calls = Arc::new(AtomicUsize::new(0));
    let observing = taskleak::manager().add_observer(Panics(calls.clone()));
    spawn_some(3);
    assert!(observing.flush(LONG));
    assert_eq!(calls.load(SeqCst), 3);
    assert_eq!(observing.panics(), 3);
}

#[test]
fn a_setting_that_is_wrong_is_noted_once_and_the_others_hold() {
    let mut child = again("spawns_and_nothing_else");
    child
        .env("TASKLEAK_GROWTH", "many")
        .env("TASKLEAK_INTERVAL", "3s");
    let output = child.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    let notes: Vec<_> = text
        .lines()
        .filter(|line| line.contains("TASKLEAK_GROWTH"))
        .collect();
    let [note] = &notes[..] else { panic!("{text}") };
    assert!(note.starts_with(
        "taskleak: note: the environment variable TASKLEAK_GROWTH is set to \"many\""
    ));
    assert!(note.ends_with("Until then TASKLEAK_GROWTH has its default; all others hold."));
}

#[test]
fn spawns_and_nothing_else() {
    if !is_played("spawns_and_nothing_else") {
        return;
    }
    spawn_some(2);
    // And now the manager is asked for, which notes it no more.
    let monitor = taskleak::manager().monitor();
    assert_eq!(monitor.interval(), Duration::from_secs(3));
}

#[test]
fn backtraces_that_are_switched_off_stay_off() {
    let mut child = again("wants_backtraces");
    let output = child.env("TASKLEAK_BACKTRACE", "off").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn wants_backtraces() {
    if !is_played("wants_backtraces") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    taskleak::manager().set_backtraces(true);
    Builder::new().spawn_on(std::future::pending::<()>(), runtime.handle());
    assert!(
        taskleak::manager().snapshot().tasks()[0]
            .frames()
            .is_empty()
    );
}
