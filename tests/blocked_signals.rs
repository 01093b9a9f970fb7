//! Where a thread cannot be asked where it is, the report says so, and nothing is harmed.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};
use taskleak::{LeakReport, Options, find, verify_none};
use tokio::runtime::Runtime;

const SHORT: Duration = Duration::from_millis(20);
/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

/// Signals are the process's: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What the report has to come to say of the task.
const STACK: &str = "= blocks in:\n";
const NO_STACK: &str = "= blocks in: unknown: ";

/// What is found while `block` holds its thread, once it says that, or the last of many.
fn found(says: &str, block: impl FnOnce() + Send + 'static, end: impl FnOnce()) -> LeakReport {
    found_after(|| (), says, block, end)
}

/// The same, not looked for before `is_blocked` has returned.
fn found_after(
    is_blocked: impl FnOnce(),
    says: &str,
    block: impl FnOnce() + Send + 'static,
    end: impl FnOnce(),
) -> LeakReport {
    let runtime = Runtime::new().unwrap();
    let guard = verify_none();
    {
        let _entered = runtime.enter();
        drop(taskleak::spawn(async move { block() }));
    }
    is_blocked();
    let begun = Instant::now();
    let found = loop {
        let found = find(Options::new().grace(3 * SHORT).blocked_after(SHORT)).unwrap_err();
        if found.to_string().contains(says) || begun.elapsed() > LONG {
            break found;
        }
    };
    end();
    guard.grace(LONG).finish_blocking();
    found
}

/// The reason that is given, in place of a stack.
#[track_caller]
fn reason(report: &LeakReport) -> String {
    let text = report.to_string();
    let line = text.lines().find_map(|line| line.split_once(NO_STACK));
    let Some((_, reason)) = line else {
        panic!("no reason is given:\n{text}")
    };
    reason.to_owned()
}

fn receives(receiver: &mpsc::Receiver<()>) {
    _ = receiver.recv();
}

fn dispositions() -> Vec<usize> {
    let of = |signal| {
        // SAFETY: only asks, into a plain struct of ours.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut action);
            action.sa_sigaction
        }
    };
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).map(of).collect()
}

#[test]
fn signals_are_as_they_were_afterwards() {
    let _turn = turn();
    let before = dispositions();
    assert!(before.iter().all(|action| *action == libc::SIG_DFL));
    let (sender, receiver) = mpsc::channel();
    let report = found(STACK, move || receives(&receiver), || drop(sender));
    let frames = report.leaks()[0].tasks()[0].blocked_frames();
    assert!(!frames.is_empty(), "{report}");
    assert_eq!(dispositions(), before);
}

#[test]
fn a_program_may_have_all_signals_for_itself() {
    static CAME: AtomicBool = AtomicBool::new(false);

    extern "C" fn handler(_: libc::c_int) {
        CAME.store(true, SeqCst);
    }

    fn set(handler: usize) {
        for signal in libc::SIGRTMIN()..=libc::SIGRTMAX() {
            // SAFETY: the handler touches an atomic and nothing else.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = handler;
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
    }

    let _turn = turn();
    set(handler as *const () as usize);
    let (sender, receiver) = mpsc::channel();
    let report = found(NO_STACK, move || receives(&receiver), || drop(sender));
    set(libc::SIG_DFL);
    assert_eq!(
        reason(&report),
        "the program handles or blocks every real-time signal, and its thread would be asked by one"
    );
    assert!(!CAME.load(SeqCst));
}

fn change_mask(how: libc::c_int) {
    // SAFETY: a mask of ours, for this thread.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        assert_eq!(
            libc::pthread_sigmask(how, &raw const all, std::ptr::null_mut()),
            0
        );
    }
}

/// No signal waits for it to come back.
#[test]
fn a_thread_may_block_all_signals() {
    let _turn = turn();
    let (sender, receiver) = mpsc::channel();
    let (tell, is_set) = mpsc::channel();
    let block = move || {
        change_mask(libc::SIG_BLOCK);
        tell.send(()).unwrap();
        receives(&receiver);
        change_mask(libc::SIG_UNBLOCK);
    };
    let report = found_after(|| is_set.recv().unwrap(), NO_STACK, block, || drop(sender));
    assert!(reason(&report).starts_with("the program handles or blocks"));
    assert!(dispositions().iter().all(|action| *action == libc::SIG_DFL));
}

/// Whether the child may end.
static MAY_END: AtomicBool = AtomicBool::new(false);

extern "C" fn naps(_: *mut libc::c_void) -> libc::c_int {
    let short = libc::timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    while !MAY_END.load(SeqCst) {
        // SAFETY: a system call that reads `short` and writes nowhere.
        unsafe { libc::syscall(libc::SYS_nanosleep, &raw const short, 0) };
    }
    0
}

/// The kernel stops who makes a child that has its memory, until the child is gone; signals have to wait.
fn is_stopped() {
    let mut stack = vec![0_u128; 4096];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child runs on a stack of its own, which lives until this thread goes on; it makes system calls, reads an
    // atomic and ends.
    unsafe {
        let child = libc::clone(naps, top.cast(), flags, std::ptr::null_mut());
        assert!(child > 0);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

#[test]
fn an_answer_that_comes_too_late_harms_nobody() {
    let _turn = turn();
    let report = found(NO_STACK, is_stopped, || MAY_END.store(true, SeqCst));
    assert_eq!(
        reason(&report),
        "its thread did not come to handle a signal in time"
    );
    // The signal came, and the default disposition, which would have ended the process, was not in its place.
    let (sender, receiver) = mpsc::channel();
    let report = found(STACK, move || receives(&receiver), || drop(sender));
    assert!(
        !report.leaks()[0].tasks()[0].blocked_frames().is_empty(),
        "{report}"
    );
    assert!(dispositions().iter().all(|action| *action == libc::SIG_DFL));
}
