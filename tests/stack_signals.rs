//! A signal handler gets the right stack or one from the unwinder, and does not disturb the walk it interrupts.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod call_tree;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use call_tree::{Tally, Tree, compare_in_panic_hook};
use taskleak::stack::walk::Walker;
use taskleak::stack::{self, Addresses};

/// By signal.
static HANDLED: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
static WRONG: AtomicUsize = AtomicUsize::new(0);
static CAPTURED: AtomicUsize = AtomicUsize::new(0);

/// In here a walk passes the frame that the kernel made, which no cached rule describes. Only where a runtime (such as
/// ThreadSanitizer's) defers the handler and calls it like a function is there anything to vouch for.
extern "C" fn walk_in_handler(signal: libc::c_int) {
    let mut fast = Addresses::new();
    if Walker::Cfi.walk(&mut fast) {
        let mut fresh = Addresses::new();
        Walker::Unwinder.walk(&mut fresh);
        if fast.as_slice() != fresh.as_slice() {
            WRONG.fetch_add(1, Ordering::Relaxed);
        }
    }
    HANDLED[signal as usize].fetch_add(1, Ordering::Relaxed);
}

extern "C" fn capture_in_handler(_signal: libc::c_int) {
    let stack = stack::capture().expect("a stack");
    CAPTURED.store(stack.to_bits() as usize, Ordering::Relaxed);
}

fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int), flags: libc::c_int) {
    // SAFETY: the action is zeroed as C programs do, and the handlers touch only atomics and what they are there to test.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(
            libc::sigaction(signal, &raw const action, std::ptr::null_mut()),
            0
        );
    }
}

/// Signals come at any time while call trees are grown.
fn interrupt_trees(signal: libc::c_int, flags: libc::c_int) {
    compare_in_panic_hook();
    // The first capture of a process and of a thread allocates, which a handler must not.
    assert!(stack::capture().is_some());
    handle(signal, walk_in_handler, flags);
    let tally = Tally::default();
    let done = AtomicBool::new(false);
    let handled = &HANDLED[signal as usize];
    std::thread::scope(|scope| {
        // SAFETY: no preconditions.
        let target = unsafe { libc::pthread_self() };
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let before = handled.load(Ordering::Relaxed);
                // SAFETY: the scope keeps the target thread alive.
                unsafe { libc::pthread_kill(target, signal) };
                // One at a time, or the trees would never get to grow.
                while handled.load(Ordering::Relaxed) == before && !done.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            }
        });
        for seed in 0..500 {
            Tree::panicking(seed, &tally).grow(1 + (seed % 16) as u32);
        }
        while handled.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        WRONG.load(Ordering::Relaxed),
        0,
        "a wrong stack in a handler"
    );
    assert_eq!(tally.declined.load(Ordering::Relaxed), 0);
}

#[test]
fn signals_on_the_same_stack() {
    interrupt_trees(libc::SIGUSR1, libc::SA_RESTART);
}

#[test]
fn signals_on_their_own_stack() {
    // The standard library gives each thread such a stack.
    interrupt_trees(libc::SIGUSR2, libc::SA_RESTART | libc::SA_ONSTACK);
}

#[inline(never)]
fn raise_here() {
    // SAFETY: raised here, so not inside the allocator.
    std::hint::black_box(unsafe { libc::raise(libc::SIGWINCH) });
}

#[test]
fn a_captured_handler_is_seen_in_its_stack() {
    handle(libc::SIGWINCH, capture_in_handler, 0);
    raise_here();
    let stack = stack::Stack::from_bits(CAPTURED.load(Ordering::Relaxed) as u32).expect("a stack");
    let functions: Vec<_> = stack
        .frames()
        .iter()
        .map(|frame| frame.function())
        .collect();
    assert!(functions[0].contains("capture_in_handler"), "{functions:?}");
    assert!(
        functions
            .iter()
            .any(|function| function.contains("raise_here")),
        "{functions:?}"
    );
}
