//! Why a thread's stack cannot be had.

/// Why another thread's stack cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(
    dead_code,
    reason = "one platform has some of them, the others have the other"
)]
pub(super) enum Refusal {
    /// Nobody knows how, on this platform.
    Platform,
    /// Every real-time signal has a handler, or is blocked by the thread.
    NoSignal,
    /// The thread blocks the signal.
    Blocked,
    /// The system lets no signal be sent to it.
    Unsent,
    /// It did not come to handle a signal in time.
    Silent,
    /// There is no such thread any more, or it does something else by now.
    Ended,
    /// The system does not let its stack be copied.
    Forbidden,
    /// Its innermost function has no unwind rules that hold.
    Odd,
}

impl Refusal {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "another thread's stack can be had on x86-64 Linux only",
            Self::NoSignal => {
                "the program handles or blocks every real-time signal, and its thread would be asked by one"
            }
            Self::Blocked => "its thread blocks the signal by which it would be asked",
            Self::Unsent => {
                "the system lets no process send its own threads signals here: allow `rt_tgsigqueueinfo` in the sandbox"
            }
            Self::Silent => "its thread did not come to handle a signal in time",
            Self::Ended => "it went on while it was being looked at",
            Self::Forbidden => {
                "the system lets no process copy its own memory here: allow `process_vm_readv` in the sandbox"
            }
            Self::Odd => "its thread is in code without unwind tables",
        }
    }
}
