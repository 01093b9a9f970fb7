//! A signal handler gets the right stack or one from the unwinder, and does not disturb the walk it interrupts.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod call_tree;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use call_tree::{Tally, Tree};
use taskleak::stack::walk::Walker;
use taskleak::stack::{self, Addresses};

static HANDLED: AtomicUsize = AtomicUsize::new(0);
static VOUCHED: AtomicUsize = AtomicUsize::new(0);
static CAPTURED: AtomicUsize = AtomicUsize::new(0);

/// In here a walk passes the frame that the kernel made, which no cached rule describes.
extern "C" fn walk_in_handler(_signal: libc::c_int) {
    let mut fast = Addresses::new();
    if Walker::Cfi.walk(&mut fast) {
        VOUCHED.fetch_add(1, Ordering::Relaxed);
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
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
    handle(signal, walk_in_handler, flags);
    let tally = Tally::default();
    let done = AtomicBool::new(false);
    let handled_before = HANDLED.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        // SAFETY: no preconditions.
        let target = unsafe { libc::pthread_self() };
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                // SAFETY: the scope keeps the target thread alive.
                unsafe { libc::pthread_kill(target, signal) };
                std::thread::yield_now();
            }
        });
        for seed in 0..500 {
            Tree::panicking(seed, &tally).grow(1 + (seed % 16) as u32);
        }
        while HANDLED.load(Ordering::Relaxed) == handled_before {
            std::hint::spin_loop();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        VOUCHED.load(Ordering::Relaxed),
        0,
        "a walk through a signal frame was vouched for"
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
