//! What a thread keeps of the registry for itself, in one place.
//!
//! Each spawn and each end needs it, so it is of plain cells without a destructor: nobody has to ask
//! whether it is there. What has to be given back when the thread ends is taken out by [`Leaving`], and
//! nothing is put in before that is set up, nor after it has run.
//!
//! The unsafe code here is one reference to a thread's own value.

use super::ledger::Counters;
use super::origin::RecentOrigins;
use super::pollers::NOT_LISTED;
use super::pool::Cache;
use super::runtimes::LastAsked;
use super::slot::Slot;
use std::cell::Cell;

pub(crate) struct Local {
    /// The tracked task that is being polled on the thread.
    pub(super) task: Cell<Option<&'static Slot>>,
    /// The runtime whose task was polled last for the first time, as [`pollers`](super::pollers) has it.
    pub(super) polled: Cell<u32>,
    pub(super) slots: Cache,
    pub(super) counters: Counters,
    pub(super) last_asked: LastAsked,
    pub(super) origins: RecentOrigins,
    is_over: Cell<bool>,
}

impl Local {
    /// Sees to it that what is put in from now on is given back when the thread ends; false if that
    /// is over.
    pub(super) fn may_keep(&self) -> bool {
        OUTLASTS_LEAVING && !self.is_over.get() && LEAVING.try_with(|_| ()).is_ok()
    }
}

/// Whether a thread-local value without a destructor is known to be there as long as destructors of
/// others run: where the compiler makes these values, and not where they are kept under keys of the
/// system's. There nothing is kept, which is slower.
const OUTLASTS_LEAVING: bool = cfg!(any(
    target_os = "linux",
    target_os = "macos",
    target_os = "freebsd",
    all(windows, target_env = "msvc")
));

/// Gives everything back when the thread ends.
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        with(|local| {
            local.is_over.set(true);
            local.slots.give_all_back();
            local.counters.give_back();
        });
    }
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            task: Cell::new(None),
            polled: Cell::new(NOT_LISTED),
            slots: Cache::new(),
            counters: Counters::new(),
            last_asked: LastAsked::new(),
            origins: RecentOrigins::new(),
            is_over: Cell::new(false),
        }
    };
    static LEAVING: Leaving = const { Leaving };
}

// What `with` rests on.
const _: () = assert!(!std::mem::needs_drop::<Local>());

/// The calling thread's. None only while a thread ends where the system's own thread-local values are
/// not what the compiler makes these of.
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn with<T>(look: impl FnOnce(&Local) -> T) -> Option<T> {
    // In two steps, so that the compiler takes `look` for a part of the caller, and keeps what it uses
    // in registers.
    let local = LOCAL.try_with(std::ptr::from_ref).ok()?;
    // SAFETY: it is there, as was just seen, and without a destructor it stays at least as long as its
    // thread runs anything but destructors of such values, which `look` is no part of or called from.
    // `look` can keep the reference no longer than it runs.
    Some(look(unsafe { &*local }))
}
