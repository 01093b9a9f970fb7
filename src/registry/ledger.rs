//! How many tasks came and went, by where they come from.
//!
//! Every task is counted when its record is made and when its record ends, by whoever does that, so
//! nothing is lost or counted twice whatever happens between. A thread writes only counters of its
//! own, which costs two plain stores a task; readers add the threads up. A thread that ends leaves
//! its counters to the next one.

use super::extras::Attached;
use super::local;
use super::origin::OriginId;
use super::slot::flag;
use crate::table::Table;
use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a task ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Finished,
    Panicked,
    Aborted,
    ShutDown,
}

const OUTCOMES: usize = 4;

impl Outcome {
    pub(super) fn of(flags: u32) -> Self {
        if flags & flag::COMPLETED != 0 {
            Self::Finished
        } else if flags & flag::PANICKED != 0 {
            Self::Panicked
        } else if flags & flag::SHUT_DOWN != 0 {
            Self::ShutDown
        } else {
            Self::Aborted
        }
    }
}

/// The counters of one origin (of one thread) or of one name.
#[derive(Default)]
pub(crate) struct Tally {
    started: AtomicU64,
    ended: [AtomicU64; OUTCOMES],
    over_time: AtomicU64,
}

/// The sum of some [`Tally`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    ended: [u64; OUTCOMES],
    pub(crate) over_time: u64,
}

impl Totals {
    pub(crate) fn ended(&self, outcome: Outcome) -> u64 {
        self.ended[outcome as usize]
    }
}

impl Tally {
    /// One more task's record is made; for who alone may change it.
    #[inline]
    pub(super) fn count_started(&self) {
        count_mine(&self.started);
    }

    /// One more task's record ends; for the same.
    #[inline]
    pub(super) fn count_ended(&self, outcome: Outcome) {
        count_mine(&self.ended[outcome as usize]);
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.add_ended(&mut totals);
        self.add_started(&mut totals);
        totals
    }

    fn add_ended(&self, totals: &mut Totals) {
        for (total, count) in totals.ended.iter_mut().zip(&self.ended) {
            *total = total.wrapping_add(count.load(Acquire));
        }
        totals.over_time += self.over_time.load(Acquire);
    }

    fn add_started(&self, totals: &mut Totals) {
        // Of one thread it may be less than none: see `move_started`.
        totals.started = totals.started.wrapping_add(self.started.load(Acquire));
    }
}

/// One thread's counters, by origin.
struct Ledger(Table<Tally>);

struct Ledgers {
    all: Vec<&'static Ledger>,
    /// Those whose threads have ended.
    free: Vec<&'static Ledger>,
}

static LEDGERS: Mutex<Ledgers> = Mutex::new(Ledgers {
    all: Vec::new(),
    free: Vec::new(),
});

/// For threads that are ending: their own is gone already.
static LATE: Ledger = Ledger(Table::new());

/// The counters of one thread.
pub(super) struct Counters {
    ledger: Cell<Option<&'static Ledger>>,
    /// What it was asked for last, by the end of the origin's number: tasks of few origins mostly come and
    /// go in a row. No task is of the root, whose place is where nothing is known.
    known: [Cell<(OriginId, Option<&'static Tally>)>; KNOWN],
}

const KNOWN: usize = 16;

const UNKNOWN: (OriginId, Option<&Tally>) = (OriginId::ROOT, None);

impl Counters {
    pub(super) const fn new() -> Self {
        Self {
            ledger: Cell::new(None),
            known: [const { Cell::new(UNKNOWN) }; KNOWN],
        }
    }

    /// Those of one origin (not of the root), if it was asked for of late; for this thread alone to change.
    #[inline(always)]
    pub(super) fn known_tally(&self, origin: OriginId) -> Option<&'static Tally> {
        let (known, tally) = self.place(origin).get();
        if known == origin { tally } else { None }
    }

    #[inline(always)]
    fn place(&self, origin: OriginId) -> &Cell<(OriginId, Option<&'static Tally>)> {
        &self.known[origin.to_bits() as usize % KNOWN]
    }

    /// Those of any origin but the root; none either if the thread is ending.
    #[inline]
    fn tally(&self, origin: OriginId) -> Option<&'static Tally> {
        if origin == OriginId::ROOT {
            return None;
        }
        self.known_tally(origin).or_else(|| self.look_up(origin))
    }

    #[inline(never)]
    fn look_up(&self, origin: OriginId) -> Option<&'static Tally> {
        let ledger = self.ledger.get().or_else(|| claim(self))?;
        let tally = ledger.tally(origin);
        self.place(origin).set((origin, tally));
        tally
    }

    pub(super) fn give_back(&self) {
        for known in &self.known {
            known.set(UNKNOWN);
        }
        if let Some(ledger) = self.ledger.take() {
            ledgers().free.push(ledger);
        }
    }
}

fn ledgers() -> MutexGuard<'static, Ledgers> {
    LEDGERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every thread's counters, those of threads that have ended too.
fn all() -> Vec<&'static Ledger> {
    let all = {
        let ledgers = ledgers();
        ledgers.all.iter().copied().chain([&LATE]).collect()
    };
    #[cfg(test)]
    tests::all_were_listed();
    all
}

#[cold]
fn claim(mine: &Counters) -> Option<&'static Ledger> {
    if local::with(local::Local::may_keep) != Some(true) {
        return None;
    }
    let mut ledgers = ledgers();
    let ledger = ledgers.free.pop().unwrap_or_else(|| {
        let ledger: &'static Ledger = Box::leak(Box::new(Ledger(Table::new())));
        ledgers.all.push(ledger);
        ledger
    });
    mine.ledger.set(Some(ledger));
    Some(ledger)
}

/// The running thread's counters of an origin; none for the root, or if the thread is ending.
pub(super) fn mine(origin: OriginId) -> Option<&'static Tally> {
    local::with(|local| local.counters.tally(origin))?
}

impl Ledger {
    fn tally(&self, origin: OriginId) -> Option<&Tally> {
        let index = origin.to_bits().checked_sub(1)?;
        self.0.get(index).or_else(|| {
            self.0.grow(index, |_| Tally::default());
            self.0.get(index)
        })
    }
}

/// Counts one more. The store pairs with the readers' loads: who sees a task ended sees it started,
/// although another thread counted that.
#[inline]
fn count_mine(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Release);
}

fn count_shared(counter: &AtomicU64) {
    counter.fetch_add(1, Release);
}

fn count(origin: OriginId, attached: Option<&Attached>, counter: impl Fn(&Tally) -> &AtomicU64) {
    if let Some(name) = attached.and_then(Attached::name_tally) {
        return count_shared(counter(name.tally()));
    }
    if let Some(tally) = mine(origin) {
        count_mine(counter(tally));
    } else if let Some(tally) = LATE.tally(origin) {
        count_shared(counter(tally));
    }
}

/// A task's record is made.
pub(super) fn count_started(origin: OriginId, attached: Option<&Attached>) {
    count(origin, attached, |tally| &tally.started);
}

/// A live task turns out to be one of another origin: its start is counted there in place of `from`.
/// Some other thread may have counted it, so the counters are sums of which only the total means
/// something.
pub(super) fn move_started(from: OriginId, to: OriginId, attached: Option<&Attached>) {
    count_started(to, attached);
    if let Some(tally) = mine(from).or_else(|| LATE.tally(from)) {
        tally.started.fetch_sub(1, Release);
    }
}

/// A task's record ends.
pub(super) fn count_ended(origin: OriginId, attached: Option<&Attached>, outcome: Outcome) {
    count(origin, attached, |tally| &tally.ended[outcome as usize]);
}

/// A task's time box was over; to be counted once a task.
pub(super) fn count_over_time(origin: OriginId, attached: Option<&Attached>) {
    count(origin, attached, |tally| &tally.over_time);
}

/// The totals of each origin, by its index. Names made at run time are counted by
/// [`names`](super::names) instead.
pub(crate) fn by_origin() -> Vec<Totals> {
    let mut totals = Vec::new();
    // All ends before all starts, so that no task seems to have ended without a start. Which ledgers
    // there are is asked anew for the starts: a thread that had none yet may have counted one since.
    for read in [Tally::add_ended, Tally::add_started] {
        for ledger in all() {
            for (index, tally) in ledger.0.indexed() {
                if totals.len() <= index {
                    totals.resize(index + 1, Totals::default());
                }
                read(tally, &mut totals[index]);
            }
        }
    }
    for totals in &mut totals {
        // Of a start that was moved just now, only the part may have been seen that takes it away.
        if totals.started > u64::MAX / 2 {
            totals.started = 0;
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::super::TaskKind;
    use super::super::origin::Origin;
    use super::*;
    use std::cell::RefCell;
    use std::panic::Location;

    type Meanwhile = Box<dyn FnOnce()>;

    thread_local! {
        static MEANWHILE: RefCell<Option<Meanwhile>> = const { RefCell::new(None) };
    }

    /// Happens on this thread after it has listed the ledgers, and before it reads them.
    pub(super) fn all_were_listed() {
        if let Some(meanwhile) = MEANWHILE.take() {
            meanwhile();
        }
    }

    #[test]
    fn no_task_has_ended_without_a_start_though_a_new_thread_started_it() {
        let origin = Origin {
            parent: OriginId::ROOT,
            location: Location::caller(),
            type_name: "of a new thread",
            name: None,
            kind: TaskKind::Task,
        };
        let origin = origin.intern();
        // This thread has its counters already.
        count_started(origin, None);
        count_ended(origin, None, Outcome::Finished);
        MEANWHILE.set(Some(Box::new(move || {
            let (done, wait) = std::sync::mpsc::channel();
            // It lives on: nobody else's counters are free to be its own.
            let starter = std::thread::spawn(move || {
                count_started(origin, None);
                done.send(()).unwrap();
                std::thread::park();
            });
            wait.recv().unwrap();
            count_ended(origin, None, Outcome::Finished);
            drop(starter);
        })));
        let totals = by_origin()[origin.to_bits() as usize - 1];
        assert!(
            totals.started >= totals.ended(Outcome::Finished),
            "{totals:?}"
        );
    }
}
