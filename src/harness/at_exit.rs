//! The check of a whole test binary, as the process ends.
//!
//! libtest has printed its result by then, and has passed an exit code to `exit`. What runs last is
//! the binary's `.fini_array`, after every `atexit` handler, so the coverage data is written: from
//! there `_exit` may still change the code. This file calls it, and `on_exit` to learn the code.
#![allow(unsafe_code)]

use super::test_name::of_path;
use crate::config::{self, Mode};
use crate::guard::{
    Asked, Judgement, Options, Strays, continue_traces, is_tolerated_everywhere, keep_runtimes,
};
use crate::registry::{self, Reading, TaskInfo, TaskKind, scope};
use crate::report::{LeakReport, Settled};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::{Duration, Instant};

static ARMED: AtomicBool = AtomicBool::new(false);
/// The process that is checked: not one that it forks.
static PROCESS: AtomicU32 = AtomicU32::new(0);
/// The code that the process was about to end with.
static EXIT_CODE: AtomicI32 = AtomicI32::new(0);
/// The code of a failed test run, as libtest has it.
const FAILED: i32 = 101;

/// How often to look, by a census, which of the tasks that nobody tracked have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Whom a report names if it is not known who spawned a task.
const SOMEBODY: &str = "the test binary";

/// Checks the whole test binary at its exit.
///
/// Written once, as an item, in the root of a test binary: the library with its unit tests, or a
/// file of `tests/`. When the process ends, the run fails (with exit code 101) if a tracked task that
/// no guard answered for
///
/// - is still alive, as on a runtime in a static, or
/// - was killed by its runtime's shutdown, neither ending nor being aborted: what a stock
///   `#[tokio::test]` does to the tasks that it leaves behind.
///
/// With the feature `census`, on Linux, the run fails also because of tasks that nobody tracked: if they are alive then
/// and still after the grace, on a runtime that taskleak has met. It has met one that it built, that it spawned on, or
/// that a guard was opened in. On a current-thread runtime, which nobody runs any more, such tasks are only noted,
/// unless nobody can wake them.
///
/// The report names the test that spawned each, if that is known. Nothing is checked when the binary only lists its
/// tests. If the run has failed anyway, the exit code stays as it is with glibc; other C libraries do not tell it, and
/// it becomes 101. With `TASKLEAK=warn` the
/// report is printed and the code left alone. Works under libtest, whatever its number of threads,
/// cargo-nextest, and with a `main` of one's own.
///
/// # Examples
///
/// ```
/// // in the crate's root
/// #[cfg(test)]
/// taskleak::verify_main!();
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! verify_main {
    () => {
        const _: () = {
            $crate::__private::ctor::declarative::ctor! {
                #[ctor(unsafe)]
                fn arm() {
                    $crate::__private::at_exit::arm();
                }
            }
            $crate::__private::dtor::declarative::dtor! {
                #[dtor(unsafe)]
                fn verify() {
                    $crate::__private::at_exit::verify();
                }
            }
        };
    };
}

/// Before `main`: from now on every task is somebody's.
#[doc(hidden)]
pub fn arm() {
    let only_lists = std::env::args_os().any(|argument| argument == "--list");
    if only_lists {
        return;
    }
    if let Err(error) = config::checked() {
        crate::note::print(&format_args!("taskleak: error: {error}"));
        std::process::exit(FAILED);
    }
    if !config::is_on() || ARMED.swap(true, SeqCst) {
        return;
    }
    registry::current::answer_for_strays();
    if config::get().backtraces == config::Backtraces::Guarded {
        registry::spawner::request_backtraces();
    }
    PROCESS.store(std::process::id(), Relaxed);
    keep_runtimes();
    remember_exit_code();
}

/// After `main`, and after all that was registered with `atexit`.
#[doc(hidden)]
pub fn verify() {
    if !ARMED.load(SeqCst) || PROCESS.load(Relaxed) != std::process::id() {
        return;
    }
    // A mistake of ours must not fail anybody's run, nor unwind into C.
    let failed = std::panic::catch_unwind(check).unwrap_or_else(|_| {
        crate::note::say("the check at exit could not reach its verdict, so it gives none");
        false
    });
    if failed && EXIT_CODE.load(Relaxed) == 0 {
        crate::note::print(&format_args!(
            "taskleak: error: the tests passed, but tasks outlived them; the exit code is {FAILED}."
        ));
        // SAFETY: ends the process at once; the handlers of `exit` have all run but for the
        // destructors in this list, which this one was asked to cut off if need be.
        #[cfg(unix)]
        unsafe {
            libc::_exit(FAILED)
        }
        #[cfg(not(unix))]
        std::process::abort()
    }
}

/// Prints what no guard answered for; true if that fails the run.
fn check() -> bool {
    let options = Options::new();
    let deadline = Instant::now() + options.grace_or_default();
    let mut settled = Settled::AtExit;
    let mut untracked = Strays::look(&options);
    let mut look_again = Instant::now() + LOOK_AGAIN;
    while strays_alive().next().is_some() || !untracked.is_empty() {
        let now = Instant::now();
        if now >= deadline {
            settled = Settled::AtExitExpired;
            break;
        }
        if now >= look_again {
            untracked.look_again();
            look_again = now + LOOK_AGAIN;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // Those on runtimes that live on can still say what they wait for.
    let alive: Vec<_> = strays_alive().map(|(reading, _)| reading).collect();
    let asked = Asked::block(&alive, options.blocked_after_or_default());
    let mut alive: Vec<_> = strays_alive().map(|(_, task)| asked.tell(task)).collect();
    continue_traces(&mut alive);
    let mut by_test: BTreeMap<String, Judgement> = BTreeMap::new();
    let killed = scope::all_killed_by_strays()
        .into_iter()
        .filter(|task| !is_tolerated_everywhere(task));
    for task in alive.into_iter().chain(killed) {
        by_test.entry(test_of(&task)).or_default().leaks.push(task);
    }
    for (test, unseen) in untracked.take() {
        let test = test.map_or(SOMEBODY.to_owned(), |path| of_path(&path).to_string());
        by_test.entry(test).or_default().unseen = unseen;
    }
    let has_leaked = !by_test.is_empty();
    for (test, judgement) in by_test {
        LeakReport::new(
            test.as_str().into(),
            judgement,
            settled,
            options.grace_or_default(),
        )
        .print(config::get().mode == Mode::Fail);
    }
    has_leaked && config::get().mode == Mode::Fail
}

/// The live tasks that no guard has answered for: of no scope, of a stray one, or of a guard that is
/// still open.
fn strays_alive() -> impl Iterator<Item = (Reading, TaskInfo)> {
    registry::live()
        .filter(|task| !task.is_settled())
        // A tracked future that nobody has polled yet never began, and waits for nothing.
        .filter(|task| task.kind() != TaskKind::Future || task.polls > 0)
        .filter(|task| scope::by_index(task.scope).is_none_or(scope::Scope::is_unanswered))
        .filter_map(|task| Some((task, TaskInfo::of(&task)?)))
        .filter(|(_, task)| !is_tolerated_everywhere(task))
}

/// The test that a task goes back to: its scope's, which is the thread's that spawned the first of
/// its line; else the outermost function of its spawn backtrace.
fn test_of(task: &TaskInfo) -> String {
    match task.scope() {
        Some(test) if !test.is_empty() => test.to_owned(),
        _ => match task.user_frames().last() {
            Some(frame) => frame.function().to_owned(),
            None => SOMEBODY.to_owned(),
        },
    }
}

/// Learns what code the process ends with, where the C library can tell.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn remember_exit_code() {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }

    extern "C" fn remember(code: c_int, _: *mut c_void) {
        EXIT_CODE.store(code, Relaxed);
    }

    // SAFETY: glibc's `on_exit` takes a function of this type and passes the argument on unread; the
    // function lives as long as the process and touches one atomic.
    unsafe { on_exit(remember, std::ptr::null_mut()) };
}

/// Elsewhere a run that failed with another code than 101 gets 101 if it also leaked.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn remember_exit_code() {}
