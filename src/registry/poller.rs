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
            // SAFETY: takes nothing, touches nothing and cannot fail.
            known.set(unsafe { libc::gettid() }.cast_unsigned());
        }
        known.get()
    })
    .unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn id() -> u32 {
    0
}
