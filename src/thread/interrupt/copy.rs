//! The copy of a thread's registers and stack, which two threads share.

use super::super::refusal::Refusal;
use super::Found;
use crate::registry::{TaskId, current, poller};
use crate::stack::walk::StackCopy;
use std::cell::UnsafeCell;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// How much of a stack is copied: 256 KiB of its innermost part.
const WORDS: usize = 1 << 15;
const WORD: usize = size_of::<usize>();
const PAGE: usize = 4096;

/// Who is asked, above the two bits of a [`phase`].
///
/// An asker takes it from `FREE` or `DONE` to `ASKED` and back to `FREE`, under the lock of [`HANDLER`](super::HANDLER); the
/// handler of the thread that is asked takes it from `ASKED` to `COPYING` and to `DONE`. `COPYING` is the handler's
/// right to write to [`COPY`], `DONE` and `FREE` the asker's to read it. The handler's change to `DONE` releases what it wrote to
/// the asker's load that finds it.
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

/// A request that was made of a thread.
pub(super) struct Request(u32);

impl Request {
    /// Makes it; only with the lock. None if a handler was stopped in the middle of its copy, and still is.
    pub(super) fn begin(thread: u32) -> Option<Self> {
        if REQUEST.load(Acquire) & phase::MASK == phase::COPYING {
            return None;
        }
        // Free, or the answer to a request that was given up.
        REQUEST.store(request(thread, phase::ASKED), Release);
        Some(Self(thread))
    }

    /// What was found, once the thread has answered.
    pub(super) fn answer(&self) -> Option<Result<Found, Refusal>> {
        let is_done = REQUEST.load(Acquire) == request(self.0, phase::DONE);
        is_done.then(|| {
            let found = found();
            REQUEST.store(phase::FREE, Relaxed);
            found
        })
    }

    /// A handler that comes now finds that it is not wanted. One that is copying keeps its right, and nobody asks
    /// until it is done.
    pub(super) fn give_up(self) {
        let asked = request(self.0, phase::ASKED);
        let _ = REQUEST.compare_exchange(asked, phase::FREE, AcqRel, Acquire);
    }
}

/// Walks what was copied. Only in the phase `DONE`, with the lock.
fn found() -> Result<Found, Refusal> {
    let length = COPY.length.load(Relaxed).min(WORDS);
    // A thread that runs has a stack: not even its first word was copied.
    if length == 0 {
        return Err(Refusal::Forbidden);
    }
    // SAFETY: the handler is done, and the next one writes only after the next request, which the caller makes after this
    // has returned.
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

/// # Safety
/// The context must be the one that the kernel passed to a signal handler on this thread that has not returned.
pub(super) unsafe fn answer(context: *const libc::ucontext_t) {
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
        // SAFETY: the kernel writes only to the local range, `length` bytes inside `COPY.words`, which nobody else reads or
        // writes in this phase; it checks the remote range itself. The system call is no function of the C library that
        // takes a lock. What the kernel takes as a word is given as one: of a shorter argument the rest is anything.
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
