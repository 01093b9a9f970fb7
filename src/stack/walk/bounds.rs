//! Where the calling thread's stack is.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ops::Range;

use crate::stack::slow_path::SlowPath;

thread_local! {
    /// The bounds of this thread's stack; the end is 0 until they are known and 1 if they can't be. Without a
    /// destructor, so that it can be read while the thread exits.
    static BOUNDS: (Cell<usize>, Cell<usize>) = const { (Cell::new(0), Cell::new(0)) };
}

/// The end of the calling thread's stack, if `stack_pointer` is in it: on a coroutine's or a signal's own stack it is
/// not.
#[inline]
pub(super) fn stack_end(stack_pointer: usize) -> Option<usize> {
    BOUNDS
        .try_with(|(start, end)| {
            if end.get() == 0 {
                learn(start, end);
            }
            (start.get()..end.get())
                .contains(&stack_pointer)
                .then_some(end.get())
        })
        .ok()
        .flatten()
}

/// Allocates, in the C library.
#[cold]
fn learn(start: &Cell<usize>, end: &Cell<usize>) {
    let Some(_slow_path) = SlowPath::enter() else {
        return;
    };
    let bounds = ask().unwrap_or(1..1);
    // In this order: a signal handler that comes between sees bounds that are not known yet.
    start.set(bounds.start);
    end.set(bounds.end);
}

#[cfg(target_os = "linux")]
fn ask() -> Option<Range<usize>> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut lowest = std::ptr::null_mut();
    let mut size = 0;
    // SAFETY: the attributes are initialised by `pthread_getattr_np`, used only if it says so, and destroyed once.
    let found = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let found =
            libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        found
    };
    let start = lowest.addr();
    (found && size != 0).then(|| start..start + size)
}

#[cfg(target_os = "macos")]
fn ask() -> Option<Range<usize>> {
    // SAFETY: asked about the calling thread, which is alive.
    let (end, size) = unsafe {
        let thread = libc::pthread_self();
        (
            libc::pthread_get_stackaddr_np(thread).addr(),
            libc::pthread_get_stacksize_np(thread),
        )
    };
    (size != 0).then(|| end - size..end)
}
