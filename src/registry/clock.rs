//! A clock cheap enough to be read at every poll.
//!
//! A report says "alive 1.2 s, polled 40 ms ago": the kernel's coarse clock (a tick of 1 to 4 ms)
//! is exact enough for that, and it costs a fifth of `Instant::now`.

/// Nanoseconds on the monotonic clock; only differences mean something.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
#[inline]
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live, writable timespec; the clock id is a constant that every Linux knows.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How long this thread has run: on a machine that has much else to do, far less than has gone by.
#[cfg(target_os = "linux")]
#[cfg_attr(not(feature = "census"), allow(dead_code, reason = "the census's"))]
#[allow(unsafe_code)]
pub(crate) fn thread_time() -> std::time::Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live, writable timespec; the clock id is a constant that every Linux knows.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Nanoseconds since the first call; only differences mean something.
#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}
