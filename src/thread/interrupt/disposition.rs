//! What the signal does: our handler, and what was there before.

use super::copy::answer;
use super::message::Message;
use std::sync::atomic::Ordering::Release;

pub(super) fn is_default(signal: libc::c_int) -> bool {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks, and writes to `now`.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut now) } == 0;
    known && now.sa_sigaction == libc::SIG_DFL
}

/// Our handler, during which no other runs: it holds a right that others wait for. Interrupted system calls go on by
/// themselves where the kernel can see to it.
pub(super) fn action() -> libc::sigaction {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: writes to the set, which is ours.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    action
}

/// Sets what a signal does; says what it did.
pub(super) fn exchange(signal: libc::c_int, action: &libc::sigaction) -> Option<libc::sigaction> {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the action is ours, whose handler is made for any thread at any moment, or one that the C library gave for
    // this very signal.
    let done = unsafe { libc::sigaction(signal, action, &raw mut before) } == 0;
    done.then_some(before)
}

/// Runs on the thread that is asked, in the middle of anything.
extern "C" fn handle(_signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the C library's place for this thread's error, which the interrupted code may be about to read.
    let error = unsafe { *libc::__errno_location() };
    // SAFETY: with `SA_SIGINFO` the kernel passes both, and they live until the handler returns.
    unsafe {
        answer(context.cast());
        if let Some(place) = Message::place(&*info) {
            place.store(0, Release);
        }
        *libc::__errno_location() = error;
    }
}
