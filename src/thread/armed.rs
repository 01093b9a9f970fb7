//! Whether threads are noted.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

static ARMED: AtomicBool = AtomicBool::new(false);

/// Lets [`Guard::threads`](crate::Guard::threads) answer for the threads that tests start.
///
/// Written once, as an item, in the root of a test binary: a file of `tests/`, or the library below `#[cfg(test)]`.
/// It puts a function before the C library's `pthread_create`, which notes the guard and the call stack that each
/// thread comes from while a guard is open, and changes nothing else. The item needs `unsafe` to define a C function,
/// and so does not stand in a crate with `#![forbid(unsafe_code)]`.
///
/// On Linux with the GNU C library; elsewhere it does nothing. Not together with a sanitizer, nor with another library
/// that stands before `pthread_create` itself.
///
/// # Examples
///
/// ```
/// taskleak::track_threads!();
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! track_threads {
    () => {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        const _: () = {
            $crate::__private::ctor::declarative::ctor! {
                #[ctor(unsafe)]
                fn arm() {
                    $crate::__private::thread::arm();
                }
            }

            /// Stands before the C library's function of this name.
            ///
            /// # Safety
            /// As for that function.
            #[unsafe(no_mangle)]
            unsafe extern "C-unwind" fn pthread_create(
                thread: *mut ::core::ffi::c_void,
                attributes: *const ::core::ffi::c_void,
                routine: $crate::__private::thread::Routine,
                argument: *mut ::core::ffi::c_void,
            ) -> ::core::ffi::c_int {
                // SAFETY: whoever calls `pthread_create` keeps its contract, which is that of `create`.
                unsafe { $crate::__private::thread::create(thread, attributes, routine, argument) }
            }
        };
    };
}

/// Before `main`: threads are noted from now on.
#[doc(hidden)]
pub fn arm() {
    ARMED.store(true, Relaxed);
}

/// Whether threads are noted.
pub(crate) fn is_armed() -> bool {
    ARMED.load(Relaxed)
}
