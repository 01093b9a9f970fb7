//! Interrupting a thread to see where it is: a signal to it, whose handler copies registers and stack.
//!
//! The handler does what a handler may: atomics, and one system call that copies memory and cannot fault (the kernel
//! says where the stack ends). What is copied goes into one static buffer, so a handler that runs late, when nobody
//! waits any more, writes nowhere or where it may. The walk is done later, by who asked.
//!
//! The signal is a real-time one that nobody handles. Its old disposition comes back when every signal that was sent
//! has been handled, or was lost with its thread; until then ours stays, since the default one ends the process.
//!
//! This file is one of the few with unsafe code: signals, and the buffer that two threads share.
#![allow(unsafe_code)]

use super::process::blocked_signals;
use super::refusal::Refusal;
use crate::registry::{TaskId, current, poller};
use crate::stack::Stack;
use crate::stack::walk::StackCopy;
use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread may take to answer: one that runs does within microseconds.
const ANSWER: Duration = Duration::from_millis(100);
/// How much of a stack is copied: 256 KiB of its innermost part.
const WORDS: usize = 1 << 15;
const WORD: usize = size_of::<usize>();
const PAGE: usize = 4096;

/// What a thread was found doing.
pub(super) struct Found {
    pub(super) stack: Stack,
    /// The tracked task that it polled.
    pub(super) task: Option<TaskId>,
}

/// Who is asked, above the two bits of a [`phase`].
///
/// An asker takes it from `FREE` or `DONE` to `ASKED` and back to `FREE`, under the lock of [`HANDLER`]; the
/// handler of the thread that is asked takes it from `ASKED` to `COPYING` and to `DONE`. `COPYING` is the handler's
/// right to write to [`COPY`], `DONE` and `FREE` the asker's to read it. The handler's change to `DONE` releases what
/// it wrote to the asker's load that finds it.
static REQUEST: AtomicU64 = AtomicU64::new(phase::FREE);

mod phase {
    pub(super) const FREE: u64 = 0;
    pub(super) const ASKED: u64 = 1;
    pub(super) const COPYING: u64 = 2;
    pub(super) const DONE: u64 = 3;
    pub(super) const MASK: u64 = 3;
}

fn request(thread: u32, phase: u64) -> u64 {
    u64::from(thread) << 2 | phase
}

struct Copy {
    ip: AtomicUsize,
    sp: AtomicUsize,
    fp: AtomicUsize,
    /// How many words of the stack follow.
    length: AtomicUsize,
    task: AtomicU64,
    // Invariant: written only in the phase `COPYING`, by the handler that made it that; read only under the lock of
    // `HANDLER` in other phases.
    words: UnsafeCell<[usize; WORDS]>,
}

// SAFETY: everything but `words` is atomic, and of that the invariant keeps writers and readers apart.
unsafe impl Sync for Copy {}

/// Zeroes, of which only the pages exist that were once written.
static COPY: Copy = Copy {
    ip: AtomicUsize::new(0),
    sp: AtomicUsize::new(0),
    fp: AtomicUsize::new(0),
    length: AtomicUsize::new(0),
    task: AtomicU64::new(0),
    words: UnsafeCell::new([0; WORDS]),
};

/// The threads to which signals are on their way, each by the place that its signal names: zero once that was handled.
/// Signals of one number are kept apart by that, those of somebody else too.
static ON_THEIR_WAY: [AtomicU32; MOST_SIGNALS] = [const { AtomicU32::new(0) }; MOST_SIGNALS];

/// Threads that block a signal after it was sent keep it for as long as they like.
const MOST_SIGNALS: usize = 64;

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
        let asked = request(thread, phase::ASKED);
        let before = REQUEST.load(Acquire);
        if before & phase::MASK == phase::COPYING {
            // A handler was stopped in the middle of its copy, and still is.
            return Err(Refusal::Silent);
        }
        let free = ON_THEIR_WAY.iter().position(|one| one.load(Acquire) == 0);
        let place = free.ok_or(Refusal::Silent)?;
        ON_THEIR_WAY[place].store(thread, Release);
        // Free, or the answer to a request that was given up.
        REQUEST.store(asked, Release);
        let sent = Message::new(signal, place).send(thread);
        if !sent {
            ON_THEIR_WAY[place].store(0, Relaxed);
        }
        let deadline = Instant::now() + ANSWER;
        let mut naps = 0;
        while sent && Instant::now() < deadline {
            if REQUEST.load(Acquire) == request(thread, phase::DONE) {
                let found = found();
                REQUEST.store(phase::FREE, Relaxed);
                await_handled(place);
                return found;
            }
            naps += 1;
            nap(naps);
        }
        // A handler that comes now finds that it is not wanted. One that is copying keeps its right, and nobody asks
        // until it is done.
        match REQUEST.compare_exchange(asked, phase::FREE, AcqRel, Acquire) {
            Ok(_) if !sent => Err(Refusal::Ended),
            _ => Err(Refusal::Silent),
        }
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

/// What goes with a signal, as the kernel takes it of `sigqueue` on x86-64.
#[repr(C)]
struct Message {
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
    fn new(signal: libc::c_int, place: usize) -> Self {
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
    fn place(signal: &libc::siginfo_t) -> Option<&'static AtomicU32> {
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

    /// Whether it was sent.
    fn send(&self, thread: u32) -> bool {
        // SAFETY: sends a signal that has a handler to a thread of this very process, or to none if there is none of
        // that number. The kernel copies `self`, which is as long as it takes.
        let sent = unsafe {
            libc::syscall(
                libc::SYS_rt_tgsigqueueinfo,
                self.process,
                thread as libc::pid_t,
                self.signal,
                &raw const *self,
            )
        };
        sent == 0
    }
}

fn nap(naps: u32) {
    if naps < 100 {
        std::thread::yield_now();
    } else {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Walks what was copied. Only in the phase `DONE`, with the lock.
fn found() -> Result<Found, Refusal> {
    let length = COPY.length.load(Relaxed).min(WORDS);
    // A thread that runs has a stack: not even its first word was copied.
    if length == 0 {
        return Err(Refusal::Forbidden);
    }
    // SAFETY: the handler is done, and the next one writes only after the next request, which the caller makes after
    // this has returned.
    let words = unsafe { &(&*COPY.words.get())[..length] };
    let copy = StackCopy {
        ip: COPY.ip.load(Relaxed),
        sp: COPY.sp.load(Relaxed),
        fp: COPY.fp.load(Relaxed),
        words,
    };
    let stack = copy.walk().ok_or(Refusal::Odd)?;
    let task = TaskId::from_bits(COPY.task.load(Relaxed));
    Ok(Found { stack, task })
}

fn is_default(signal: libc::c_int) -> bool {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only asks, and writes to `now`.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut now) } == 0;
    known && now.sa_sigaction == libc::SIG_DFL
}

/// Our handler, during which no other runs: it holds a right that others wait for. Interrupted system calls go on by
/// themselves where the kernel can see to it.
fn action() -> libc::sigaction {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: writes to the set, which is ours.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    action
}

/// Sets what a signal does; says what it did.
fn exchange(signal: libc::c_int, action: &libc::sigaction) -> Option<libc::sigaction> {
    // SAFETY: an action is a plain struct, for which zeroes are a value.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the action is ours, whose handler is made for any thread at any moment, or one that the C library gave
    // for this very signal.
    let done = unsafe { libc::sigaction(signal, action, &raw mut before) } == 0;
    done.then_some(before)
}

/// Runs on the thread that is asked, in the middle of anything.
extern "C" fn handle(_signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the C library's place for this thread's error, which the interrupted code may be about to read.
    let error = unsafe { *libc::__errno_location() };
    // SAFETY: with `SA_SIGINFO` the kernel passes both, and they live until the handler returns.
    unsafe {
        answer(context.cast());
        if let Some(place) = Message::place(&*info) {
            place.store(0, Release);
        }
        *libc::__errno_location() = error;
    }
}

/// # Safety
/// The context must be the one that the kernel passed to a signal handler on this thread that has not returned.
unsafe fn answer(context: *const libc::ucontext_t) {
    let thread = poller::ask_system();
    let asked = request(thread, phase::ASKED);
    let copying = request(thread, phase::COPYING);
    if REQUEST
        .compare_exchange(asked, copying, AcqRel, Relaxed)
        .is_err()
    {
        return;
    }
    // SAFETY: as the caller says.
    let registers = unsafe { &(*context).uc_mcontext.gregs };
    let register = |number: libc::c_int| registers[number as usize] as usize;
    let sp = register(libc::REG_RSP);
    COPY.ip.store(register(libc::REG_RIP), Relaxed);
    COPY.sp.store(sp, Relaxed);
    COPY.fp.store(register(libc::REG_RBP), Relaxed);
    let task = current::task().map_or(0, |task| task.id().to_bits());
    COPY.task.store(task, Relaxed);
    COPY.length.store(copy_words(sp), Relaxed);
    REQUEST.store(request(thread, phase::DONE), Release);
}

/// Copies the stack from here on, page by page until there is none; says how many words that were. Only in the phase
/// `COPYING`, by the handler that made it that.
fn copy_words(sp: usize) -> usize {
    // SAFETY: takes nothing and cannot fail.
    let process = unsafe { libc::getpid() };
    let mut copied = 0;
    while copied < WORDS * WORD {
        let from = sp + copied;
        let length = (PAGE - from % PAGE).min(WORDS * WORD - copied);
        let local = libc::iovec {
            // Inside the buffer, since less than all of it is copied.
            iov_base: COPY.words.get().wrapping_byte_add(copied).cast(),
            iov_len: length,
        };
        let remote = libc::iovec {
            iov_base: std::ptr::without_provenance_mut(from),
            iov_len: length,
        };
        // SAFETY: the kernel writes only to the local range, `length` bytes inside `COPY.words`, which nobody else
        // reads or writes in this phase; it checks the remote range itself. The system call is no function of the C
        // library that takes a lock. What the kernel takes as a word is given as one: of a shorter argument the rest is
        // anything.
        let read = unsafe {
            libc::syscall(
                libc::SYS_process_vm_readv,
                process,
                &raw const local,
                1_usize,
                &raw const remote,
                1_usize,
                0_usize,
            )
        };
        match usize::try_from(read) {
            Ok(read) if read == length => copied += read,
            _ => break,
        }
    }
    copied / WORD
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
            // SAFETY: a set is plain words, for which zeroes are a value; writes to it, and blocks signals of this
            // thread.
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
