//! What stands before the C library's `pthread_create`.
//!
//! The `unsafe` here looks that function up, calls it with what the caller gave, and passes a box through the one
//! pointer that it hands to the new thread.
#![allow(unsafe_code)]

use super::birth::Birth;
use super::live::Stay;
use crate::registry::poller;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

/// What a thread runs. May unwind: the C library ends threads so, by `pthread_exit`.
#[doc(hidden)]
pub type Routine = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// The C library's function.
type Create =
    unsafe extern "C-unwind" fn(*mut c_void, *const c_void, Routine, *mut c_void) -> c_int;

/// What the new thread begins with.
struct Begin {
    routine: Routine,
    argument: *mut c_void,
    stay: Stay,
}

/// Starts a thread by the C library, and notes it if a guard answers for it.
///
/// # Safety
/// As for `pthread_create`: `thread` can be written to, `attributes` is null or initialised, and `routine` can be
/// called with `argument` on another thread.
#[doc(hidden)]
#[inline(never)]
pub unsafe fn create(
    thread: *mut c_void,
    attributes: *const c_void,
    routine: Routine,
    argument: *mut c_void,
) -> c_int {
    let Some(create) = c_library_s() else {
        return libc::EAGAIN;
    };
    let Some(birth) = Birth::here() else {
        // SAFETY: the caller keeps the contract of the function, which gets what the caller gave.
        return unsafe { create(thread, attributes, routine, argument) };
    };
    let begin = Box::into_raw(Box::new(Begin {
        routine,
        argument,
        stay: Stay::begin(birth),
    }));
    // SAFETY: as above; `first` can be called with `begin` on another thread, since it is given to that thread alone
    // and what is in it may go there: the caller says so of the argument.
    let result = unsafe { create(thread, attributes, first, begin.cast()) };
    if result != 0 {
        // SAFETY: there is no thread, so the box is still this function's.
        drop(unsafe { Box::from_raw(begin) });
    }
    result
}

/// The first function on the new thread.
///
/// # Safety
/// Called by [`create`]'s thread alone, with the box that it was given.
unsafe extern "C-unwind" fn first(begin: *mut c_void) -> *mut c_void {
    let (routine, argument) = {
        // SAFETY: `create` made the pointer of a box and gave it to this thread.
        let begin = unsafe { Box::from_raw(begin.cast::<Begin>()) };
        let Begin {
            routine,
            argument,
            stay,
        } = *begin;
        stay.settle_here(poller::ask_system());
        (routine, argument)
    };
    // Nothing in this frame has a destructor any more: `pthread_exit` may unwind over it.
    // SAFETY: who called `pthread_create` says that it can be called so.
    unsafe { routine(argument) }
}

/// The next `pthread_create` after the one that `track_threads!` made.
fn c_library_s() -> Option<Create> {
    static CREATE: OnceLock<Option<Create>> = OnceLock::new();
    *CREATE.get_or_init(|| {
        // SAFETY: the name ends with a zero. The function that is found has this type: it is in POSIX, and what its
        // pointers point to is of no concern here.
        unsafe {
            let found = libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr());
            std::mem::transmute::<*mut c_void, Option<Create>>(found)
        }
    })
}
