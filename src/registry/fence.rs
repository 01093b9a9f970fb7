//! A pair of fences of which one is free.
//!
//! The end of every task must not miss that somebody looks at the task's memory, and who looks must
//! not miss that the task has ended. That takes a full fence on both sides, and tasks end a million
//! times for each time that somebody looks. Linux can make one thread pay for all
//! (`membarrier`): then the frequent side only keeps the compiler from reordering.
//!
//! The unsafe code here is that one system call.
#![allow(unsafe_code)]

/// The fence of the frequent side: orders its earlier writes before its later reads, as seen by who
/// calls [`heavy`] in between.
#[inline(always)]
pub(super) fn light() {
    #[cfg(all(target_os = "linux", not(miri)))]
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

/// The fence of the rare side. False if this system has none: then the frequent side is not fenced,
/// and nothing may rest on it.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) fn heavy() -> bool {
    use std::sync::OnceLock;
    use std::sync::atomic::Ordering::SeqCst;

    // The numbers that `linux/membarrier.h` gives them.
    const GLOBAL: libc::c_int = 1 << 0;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the system call takes three integers and touches no memory of the process.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    static COMMAND: OnceLock<libc::c_int> = OnceLock::new();
    let command = *COMMAND.get_or_init(|| {
        if membarrier(REGISTER_PRIVATE_EXPEDITED) {
            PRIVATE_EXPEDITED
        } else {
            // Linux before 4.14: takes milliseconds.
            GLOBAL
        }
    });
    std::sync::atomic::fence(SeqCst);
    let fenced = membarrier(command);
    std::sync::atomic::fence(SeqCst);
    fenced
}

/// Elsewhere both sides have the same.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) fn heavy() -> bool {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    true
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_system_has_the_fence() {
        assert!(super::heavy());
    }
}
