//! Whether anybody wants more of tasks than that they are counted, in one word on a line of its own.
//!
//! Each spawn, each poll and each end looks at it, once, and does what is seldom done only if it is told
//! to. It is written when a guard, an observer or an asker comes or goes, or the manager is switched.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Mutex, PoisonError};

/// Alone on what processors fetch at once (two lines): what is written beside it costs it nothing.
#[repr(align(128))]
struct Word(AtomicU64);

// Until the settings were looked at, tasks are not tracked without a further look.
static WORD: Word = Word(AtomicU64::new(Flag::NotOn.bit()));

/// What there is or is not. The bits are chosen so that each of the masks below is one that an
/// instruction can have in itself.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Flag {
    /// Somebody wants to be told of tasks that start.
    Starts = 1 << 0,
    /// Somebody wants to be told of tasks that end.
    Ends = 1 << 1,
    /// Somebody wants to be told of something.
    Told = 1 << 2,
    /// Somebody waits for the end of a task.
    Awaited = 1 << 3,
    /// Somebody wants to know when tasks are first polled.
    Timed = 1 << 4,
    /// Nothing.
    #[cfg(test)]
    Tested = 1 << 5,
    /// Tasks that nobody judges are not tracked, or it is not known yet.
    NotOn = 1 << 7,
}

impl Flag {
    const fn bit(self) -> u64 {
        self as u64
    }
}

/// One of those whose number is kept.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(super) enum One {
    /// Who wants spawn backtraces: 23 bits.
    Backtraces = 1 << 8,
    /// Who wants to know what tasks wait for: 15 bits.
    Trace = 1 << 31,
    /// Who judges: 18 bits.
    Judge = 1 << 46,
}

const NO_FLAG: u64 = !0 << 7;
const BACKTRACES: u64 = (One::Trace as u64) - (One::Backtraces as u64);
const TRACES_AND_JUDGES: u64 = !0 << 31;
const TRACES: u64 = (One::Judge as u64) - (One::Trace as u64);

/// What there was at one moment.
#[derive(Clone, Copy)]
pub(super) struct Attention(u64);

/// What there is now. Who just came is not missed where it matters: what is asked for is asked of tasks
/// that are spawned, polled or ended after it.
#[inline(always)]
pub(super) fn now() -> Attention {
    Attention(WORD.0.load(Relaxed))
}

impl Attention {
    /// Whether a spawn has nothing to do for others but to tell them of it. As if it had, it is taken while
    /// somebody asks what tasks wait for, too: that is seldom, and saves a look.
    #[inline(always)]
    pub(super) fn leaves_spawns_plain(self) -> bool {
        self.0 & NO_FLAG == 0
    }

    /// Whether an end is to be told to somebody.
    #[inline(always)]
    pub(super) fn is_drawn_to_ends(self) -> bool {
        self.0 & (Flag::Ends.bit() | Flag::Awaited.bit()) != 0
    }

    /// Whether a poll is of interest to somebody.
    #[inline(always)]
    pub(super) fn is_drawn_to_polls(self) -> bool {
        self.0 & TRACES_AND_JUDGES != 0
    }

    #[inline(always)]
    pub(super) fn has(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    #[inline(always)]
    pub(super) fn has_judges(self) -> bool {
        self.0 >= One::Judge as u64
    }

    #[inline(always)]
    pub(super) fn has_traces(self) -> bool {
        self.0 & TRACES != 0
    }

    #[inline(always)]
    pub(super) fn has_backtraces(self) -> bool {
        self.0 & BACKTRACES != 0
    }
}

/// One more of these.
pub(super) fn enter(one: One) {
    WORD.0.fetch_add(one as u64, SeqCst);
}

/// One less.
pub(super) fn leave(one: One) {
    WORD.0.fetch_sub(one as u64, SeqCst);
}

/// Says whether there is something. Who calls this sees to it that the last one to say so is right.
pub(crate) fn set(flag: Flag, is_there: bool) {
    if is_there {
        WORD.0.fetch_or(flag.bit(), SeqCst);
    } else {
        WORD.0.fetch_and(!flag.bit(), SeqCst);
    }
}

/// A flag that is there as long as anybody wants it.
pub(super) struct Wanted {
    flag: Flag,
    /// How many want it. The flag is changed under the lock, so that it is what the last change says.
    count: Mutex<usize>,
}

impl Wanted {
    pub(super) const fn new(flag: Flag) -> Self {
        Self {
            flag,
            count: Mutex::new(0),
        }
    }

    pub(super) fn enter(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        set(self.flag, true);
    }

    pub(super) fn leave(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        set(self.flag, *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_apart() {
        let all = [
            Flag::Starts.bit(),
            Flag::Ends.bit(),
            Flag::Told.bit(),
            Flag::Awaited.bit(),
            Flag::Timed.bit(),
            Flag::NotOn.bit(),
            BACKTRACES,
            TRACES,
            !((One::Judge as u64) - 1),
        ];
        let together = all.iter().fold(0, |together, bits| {
            assert_eq!(together & bits, 0);
            together | bits
        });
        assert_eq!(together, !0b110_0000);
    }

    #[test]
    fn each_is_seen_where_it_is_looked_for() {
        let of = |bits: u64| {
            let word = Attention(bits);
            (
                word.leaves_spawns_plain(),
                word.is_drawn_to_polls(),
                word.is_drawn_to_ends(),
            )
        };
        assert_eq!(of(0), (true, false, false));
        for flag in [Flag::Starts, Flag::Told, Flag::Timed] {
            assert_eq!(of(flag.bit()), (true, false, false));
        }
        for flag in [Flag::Ends, Flag::Awaited] {
            assert_eq!(of(flag.bit()), (true, false, true));
        }
        assert_eq!(of(Flag::NotOn.bit()), (false, false, false));
        assert_eq!(of(One::Backtraces as u64), (false, false, false));
        assert_eq!(of(One::Trace as u64), (false, true, false));
        assert_eq!(of(One::Judge as u64), (false, true, false));
        let most = Attention(One::Judge as u64 - 1);
        assert!(!most.has_judges() && most.has_traces() && most.has_backtraces());
    }

    #[test]
    fn a_flag_is_there_until_the_last_one_leaves() {
        static WANTED: Wanted = Wanted::new(Flag::Tested);
        let is_there = || now().has(Flag::Tested);
        assert!(!is_there());
        WANTED.enter();
        WANTED.enter();
        WANTED.leave();
        assert!(is_there());
        WANTED.leave();
        assert!(!is_there());
    }
}
