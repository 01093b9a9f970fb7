//! Which thread polls.

/// The system's number for this thread; 0 where it has none that could be asked about.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn id() -> u32 {
    use std::cell::Cell;

    thread_local! {
        static ID: Cell<u32> = const { Cell::new(0) };
    }
    // A system call; each poll of a judged task asks.
    ID.try_with(|known| {
        if known.get() == 0 {
            known.set(ask_system());
        }
        known.get()
    })
    .unwrap_or(0)
}

/// The same without a look at what is known, as a signal handler may do. By the number of the system call: the C library
/// has a function for it only since glibc 2.30.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn ask_system() -> u32 {
    // SAFETY: takes nothing, touches nothing and cannot fail.
    let id = unsafe { libc::syscall(libc::SYS_gettid) };
    u32::try_from(id).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn id() -> u32 {
    0
}
