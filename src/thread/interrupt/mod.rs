//! Interrupting a thread to see where it is: a signal to it, whose handler copies registers and stack.
//!
//! The handler does what a handler may: atomics, and one system call that copies memory and cannot fault (the kernel
//! says where the stack ends). What is copied goes into one static buffer, so a handler that runs late, when nobody waits
//! any more, writes nowhere or where it may. The walk is done later, by who asked.
//!
//! The signal is a real-time one that nobody handles. Its old disposition comes back when every signal that was sent
//! has been handled, or was lost with its thread; until then ours stays, since the default one ends the process.
//!
//! The signal that is sent is `message`, what it does `disposition`, and what comes of it `copy`.
//!
//! This folder is one of the few places with unsafe code: signals, and the buffer that two threads share.
#![allow(unsafe_code)]

mod copy;
mod disposition;
mod message;

use super::process::blocked_signals;
use super::refusal::Refusal;
use crate::registry::TaskId;
use crate::stack::Stack;
use copy::Request;
use disposition::{action, exchange, is_default};
use message::{Message, ON_THEIR_WAY};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread may take to answer: one that runs does within microseconds, one that waits for a processor does not.
const ANSWER: Duration = Duration::from_secs(1);

/// What a thread was found doing.
pub(super) struct Found {
    pub(super) stack: Stack,
    /// The tracked task that it polled.
    pub(super) task: Option<TaskId>,
}

static HANDLER: Mutex<Handler> = Mutex::new(Handler { installed: None });

/// What is known of our handler.
struct Handler {
    installed: Option<Installed>,
}

struct Installed {
    signal: libc::c_int,
    before: libc::sigaction,
}

/// Looks where a thread of this process is, by the system's number of it; not the calling thread itself.
pub(super) fn look(thread: u32) -> Result<Found, Refusal> {
    let mut handler = lock();
    let blocked = blocked_signals(thread).ok_or(Refusal::Ended)?;
    let signal = handler.install(blocked)?;
    let found = if is_blocked(signal, blocked) {
        Err(Refusal::Blocked)
    } else {
        handler.ask(thread, signal)
    };
    handler.uninstall();
    found
}

fn lock() -> MutexGuard<'static, Handler> {
    HANDLER.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_blocked(signal: libc::c_int, blocked: u64) -> bool {
    blocked >> (signal - 1) & 1 != 0
}

impl Handler {
    /// Puts our handler in place, for a signal that the thread does not block; says for which.
    fn install(&mut self, blocked: u64) -> Result<libc::c_int, Refusal> {
        if let Some(installed) = &self.installed {
            return Ok(installed.signal);
        }
        for signal in (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev() {
            if is_blocked(signal, blocked) || !is_default(signal) {
                continue;
            }
            let Some(before) = exchange(signal, &action()) else {
                continue;
            };
            let installed = Installed { signal, before };
            if before.sa_sigaction == libc::SIG_DFL {
                self.installed = Some(installed);
                return Ok(signal);
            }
            // Somebody took it between the two looks.
            exchange(signal, &installed.before);
        }
        Err(Refusal::NoSignal)
    }

    /// Takes our handler away again, unless a signal may still come.
    fn uninstall(&mut self) {
        // A thread that has ended took its signals with it.
        for thread in &ON_THEIR_WAY {
            let number = thread.load(Acquire);
            if number != 0 && blocked_signals(number).is_none() {
                thread.store(0, Relaxed);
            }
        }
        if ON_THEIR_WAY.iter().any(|thread| thread.load(Acquire) != 0) {
            return;
        }
        if let Some(Installed { signal, before }) = self.installed.take()
            && let Some(ours) = exchange(signal, &before)
            && ours.sa_sigaction != action().sa_sigaction
        {
            // Somebody took the signal meanwhile: it is theirs.
            exchange(signal, &ours);
        }
    }

    fn ask(&mut self, thread: u32, signal: libc::c_int) -> Result<Found, Refusal> {
        let free = ON_THEIR_WAY.iter().position(|one| one.load(Acquire) == 0);
        let place = free.ok_or(Refusal::Silent)?;
        let request = Request::begin(thread).ok_or(Refusal::Silent)?;
        ON_THEIR_WAY[place].store(thread, Release);
        if let Err(refusal) = Message::new(signal, place).send(thread) {
            ON_THEIR_WAY[place].store(0, Relaxed);
            request.give_up();
            return Err(refusal);
        }
        let deadline = Instant::now() + ANSWER;
        let mut naps = 0;
        while Instant::now() < deadline {
            if let Some(found) = request.answer() {
                await_handled(place);
                return found;
            }
            naps += 1;
            nap(naps);
        }
        request.give_up();
        Err(Refusal::Silent)
    }
}

/// The handler has answered and is about to return.
fn await_handled(place: usize) {
    let deadline = Instant::now() + ANSWER;
    let mut naps = 0;
    while ON_THEIR_WAY[place].load(Acquire) != 0 && Instant::now() < deadline {
        naps += 1;
        nap(naps);
    }
}

fn nap(naps: u32) {
    if naps < 100 {
        std::thread::yield_now();
    } else {
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::poller;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn a_thread_is_found_where_it_is_and_not_once_it_has_ended() {
        let ((tells, told), (ends, ended)) = (channel(), channel::<()>());
        let waiting = thread::spawn(move || {
            tells.send(poller::id()).unwrap();
            _ = ended.recv();
        });
        let id = told.recv().unwrap();
        let found = look(id).unwrap();
        assert!(found.task.is_none());
        // By the name of the function that the thread's closure is written in.
        let name = "a_thread_is_found_where_it_is_and_not_once_it_has_ended";
        let mut frames = found.stack.frames().iter();
        assert!(frames.any(|frame| frame.function().ends_with(name)));
        drop(ends);
        waiting.join().unwrap();
        assert!(look(id).is_err());
    }

    /// A thread that blocks all signals, and its number; it ends when told to.
    fn deaf() -> (u32, impl FnOnce()) {
        let ((tells, told), (ends, ended)) = (channel(), channel::<()>());
        let waiting = thread::spawn(move || {
            // SAFETY: a set is plain words, for which zeroes are a value; writes to it, and blocks signals of this thread.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut());
            }
            tells.send(poller::id()).unwrap();
            _ = ended.recv();
        });
        let end = move || {
            drop(ends);
            waiting.join().unwrap();
        };
        (told.recv().unwrap(), end)
    }

    #[test]
    fn a_signal_that_is_lost_with_its_thread_is_not_waited_for() {
        let (thread, end) = deaf();
        let mut handler = lock();
        let signal = handler.install(0).unwrap();
        assert!(handler.ask(thread, signal).is_err());
        handler.uninstall();
        assert!(handler.installed.is_some(), "it may still come");
        end();
        // The system forgets a thread a little later than it can be joined.
        while blocked_signals(thread).is_some() {
            thread::yield_now();
        }
        handler.uninstall();
        assert!(handler.installed.is_none());
        assert!(is_default(signal));
    }

    #[test]
    fn what_somebody_else_sends_is_none_of_ours() {
        let (deaf, end) = deaf();
        let ((tells, told), (ends, ended)) = (channel(), channel::<()>());
        let waiting = thread::spawn(move || {
            tells.send(poller::id()).unwrap();
            _ = ended.recv();
        });
        let id = told.recv().unwrap();
        let mut handler = lock();
        let signal = handler.install(0).unwrap();
        assert!(handler.ask(deaf, signal).is_err());
        // SAFETY: a signal that has a handler, to a thread that lives.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, signal) };
        assert_eq!(sent, 0);
        assert!(handler.ask(id, signal).is_ok());
        handler.uninstall();
        assert!(
            handler.installed.is_some(),
            "that of the deaf one may still come"
        );
        end();
        while blocked_signals(deaf).is_some() {
            thread::yield_now();
        }
        handler.uninstall();
        assert!(handler.installed.is_none());
        drop(handler);
        drop(ends);
        waiting.join().unwrap();
    }
}
