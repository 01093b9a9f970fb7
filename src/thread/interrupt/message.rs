//! The signals that are sent, each of which says which of ours it is.

use super::super::refusal::Refusal;
use std::io;
use std::sync::atomic::AtomicU32;

/// The threads to which signals are on their way, each by the place that its signal names: zero once that was handled. Signals
/// of one number are kept apart by that, those of somebody else too.
pub(super) static ON_THEIR_WAY: [AtomicU32; MOST_SIGNALS] =
    [const { AtomicU32::new(0) }; MOST_SIGNALS];

/// Threads that block a signal after it was sent keep it for as long as they like.
const MOST_SIGNALS: usize = 64;

/// What goes with a signal, as the kernel takes it of `sigqueue` on x86-64.
#[repr(C)]
pub(super) struct Message {
    signal: libc::c_int,
    error: libc::c_int,
    code: libc::c_int,
    _padding: libc::c_int,
    process: libc::pid_t,
    user: libc::uid_t,
    value: usize,
    _rest: [u64; 12],
}

const _: () = assert!(size_of::<Message>() == size_of::<libc::siginfo_t>());

impl Message {
    pub(super) fn new(signal: libc::c_int, place: usize) -> Self {
        // SAFETY: both take nothing and cannot fail.
        let (process, user) = unsafe { (libc::getpid(), libc::getuid()) };
        Self {
            signal,
            error: 0,
            code: libc::SI_QUEUE,
            _padding: 0,
            process,
            user,
            value: (&raw const ON_THEIR_WAY[place]).addr(),
            _rest: [0; 12],
        }
    }

    /// The place that a signal names, if it is one of ours.
    pub(super) fn place(signal: &libc::siginfo_t) -> Option<&'static AtomicU32> {
        if signal.si_code != libc::SI_QUEUE {
            return None;
        }
        // SAFETY: a signal of `sigqueue` carries the sender and a value.
        let (process, value) = unsafe { (signal.si_pid(), signal.si_value().sival_ptr.addr()) };
        // SAFETY: takes nothing and cannot fail.
        let is_own = process == unsafe { libc::getpid() };
        let mut places = ON_THEIR_WAY.iter();
        places.find(|place| is_own && std::ptr::from_ref(*place).addr() == value)
    }

    /// Sends it; or says why not.
    pub(super) fn send(&self, thread: u32) -> Result<(), Refusal> {
        // SAFETY: sends a signal that has a handler to a thread of this very process, or to none if there is none of that
        // number. The kernel copies `self`, which is as long as it takes.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                self.process,
                thread as libc::pid_t,
                self.signal,
                &raw const *self,
            )
        };
        if sent == 0 {
            Ok(())
        } else {
            Err(refusal(&io::Error::last_os_error()))
        }
    }
}

/// Why a signal was not sent.
fn refusal(error: &io::Error) -> Refusal {
    match error.raw_os_error() {
        Some(libc::ESRCH) => Refusal::Ended,
        // A sandbox answers with either.
        Some(libc::EPERM | libc::ENOSYS) => Refusal::Unsent,
        _ => Refusal::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_thread_that_is_gone_went_on() {
        let why = |error| refusal(&io::Error::from_raw_os_error(error));
        assert_eq!(why(libc::ESRCH), Refusal::Ended);
        assert_eq!(why(libc::EPERM), Refusal::Unsent);
        assert_eq!(why(libc::ENOSYS), Refusal::Unsent);
        // As many signals are queued as may be.
        assert_eq!(why(libc::EAGAIN), Refusal::Silent);
    }

    #[test]
    fn a_thread_that_never_was_is_sent_nothing() {
        let mut thread = u32::try_from(i32::MAX).unwrap();
        while super::super::blocked_signals(thread).is_some() {
            thread -= 1;
        }
        let sent = Message::new(libc::SIGRTMAX(), 0).send(thread);
        assert_eq!(sent, Err(Refusal::Ended));
    }
}
