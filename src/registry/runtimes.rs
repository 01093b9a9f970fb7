//! The runtimes that tracked tasks run on, and which scope owns each.

use super::scope::ScopeRef;
use super::tokio_ids;
use super::{Slot, current, local};
use crate::table::Table;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use tokio::runtime::{Handle, RuntimeFlavor};

static RUNTIMES: Table<OnceLock<TrackedRuntime>> = Table::new();
static MADE: AtomicU32 = AtomicU32::new(0);
static BY_ID: Mutex<Option<HashMap<u64, &'static TrackedRuntime>>> = Mutex::new(None);

/// How often a runtime was forgotten whose number another one may get.
static GONE: AtomicU32 = AtomicU32::new(0);

static ON_NEW: OnceLock<fn(&Handle)> = OnceLock::new();

/// More than one scope has used the runtime: it is none of theirs.
const SHARED: u64 = u64::MAX;
const SHARDS: usize = 4;

/// What is known of one runtime. Kept for the life of the process, since nobody is told of the end of a runtime that is
/// tokio's own, nor of the last that refers to this: its id is never given again. So it is kept small.
pub(crate) struct TrackedRuntime {
    /// As the tasks' records hold it; never 0.
    index: u32,
    id: u64,
    flavor: RuntimeFlavor,
    /// 0, the bits of the one scope that owns it, or [`SHARED`].
    owner: AtomicU64,
    /// How many tracked tasks the runtime counts as alive: the sum. Sharded by thread, and made once there is one to
    /// count, which takes somebody who judges.
    tracked: OnceLock<Box<[Shard; SHARDS]>>,
}

#[repr(align(64))]
struct Shard(AtomicI64);

/// What a runtime's owner is to a scope that uses the runtime.
enum Stranger {
    /// It is the scope itself or one around it.
    No,
    /// Nobody, or a scope that is closed.
    Gone,
    /// Another one.
    Open,
}

thread_local! {
    /// And how often one was forgotten before.
    static LAST: Cell<Option<(u32, &'static TrackedRuntime)>> = const { Cell::new(None) };
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The task, by tokio's number, in which a thread last asked for the likely runtime, and the answer by
/// its index.
pub(super) struct LastAsked(Cell<(u64, u32)>);

impl LastAsked {
    pub(super) const fn new() -> Self {
        Self(Cell::new((0, 0)))
    }

    /// The index of the runtime that the thread spawns on, 0 for none. Asks for the runtime's handle,
    /// which is counted, only once an untracked task.
    #[inline]
    pub(super) fn likely(&self) -> u32 {
        let task = tokio_ids::current_task().unwrap_or(0);
        match self.0.get() {
            (asked, runtime) if asked == task && task != 0 => runtime,
            _ => self.ask(task),
        }
    }

    #[inline(never)]
    fn ask(&self, task: u64) -> u32 {
        let runtime = TrackedRuntime::current().map_or(0, TrackedRuntime::index);
        if runtime != 0 {
            self.0.set((task, runtime));
        }
        runtime
    }
}

impl TrackedRuntime {
    /// The runtime whose context the thread is in.
    pub(crate) fn current() -> Option<&'static Self> {
        Handle::try_current().ok().map(|handle| Self::of(&handle))
    }

    /// The runtime that the running code spawns on; if that need not be exact, the one that the
    /// running task runs on, although the task may have entered another.
    #[inline]
    pub(crate) fn here(exact: bool) -> Option<&'static Self> {
        if exact {
            return Self::current();
        }
        current::task()
            .and_then(Slot::runtime_entry)
            .or_else(Self::likely)
    }

    fn likely() -> Option<&'static Self> {
        match local::with(|local| local.last_asked.likely()) {
            Some(index) => Self::by_index(index),
            None => Self::current(),
        }
    }

    pub(crate) fn of(handle: &Handle) -> &'static Self {
        let id = tokio_ids::runtime(handle);
        // No number is given again by a tokio that gives them.
        let gone = if tokio_ids::runtime_numbers_return(handle) {
            GONE.load(Acquire)
        } else {
            0
        };
        if let Ok(Some((then, last))) = LAST.try_with(Cell::get)
            && last.id == id
            && then == gone
        {
            return last;
        }
        let runtime = Self::of_slowly(id, handle);
        let _ = LAST.try_with(|last| last.set(Some((gone, runtime))));
        runtime
    }

    /// A runtime that was just built. With a tokio that has no ids of runtimes it may be where another
    /// one was.
    pub(crate) fn built(handle: &Handle) -> &'static Self {
        Self::is_gone(handle);
        Self::of(handle)
    }

    /// A runtime is no more. With such a tokio the next one may be where it was.
    pub(crate) fn is_gone(handle: &Handle) {
        if tokio_ids::runtime_numbers_return(handle) {
            let mut by_id = BY_ID.lock().unwrap_or_else(PoisonError::into_inner);
            by_id
                .get_or_insert_default()
                .remove(&tokio_ids::runtime(handle));
            GONE.fetch_add(1, AcqRel);
        }
    }

    /// Has this called with each runtime that is met for the first time, from now on.
    pub(crate) fn on_new(call: fn(&Handle)) {
        let _ = ON_NEW.set(call);
    }

    fn of_slowly(id: u64, handle: &Handle) -> &'static Self {
        let (runtime, is_new) = Self::known_or_new(id, handle);
        if let Some(call) = ON_NEW.get().filter(|_| is_new) {
            call(handle);
        }
        runtime
    }

    /// And whether it is new.
    fn known_or_new(id: u64, handle: &Handle) -> (&'static Self, bool) {
        let mut by_id = BY_ID.lock().unwrap_or_else(PoisonError::into_inner);
        let by_id = by_id.get_or_insert_default();
        if let Some(runtime) = by_id.get(&id) {
            return (runtime, false);
        }
        // The lock is held.
        let index = MADE.fetch_add(1, Relaxed);
        RUNTIMES.grow(index, |_| OnceLock::new());
        let runtime = RUNTIMES
            .get(index)
            .expect("the table was just grown")
            .get_or_init(|| TrackedRuntime {
                index: index + 1,
                id,
                flavor: handle.runtime_flavor(),
                owner: AtomicU64::new(0),
                tracked: OnceLock::new(),
            });
        by_id.insert(id, runtime);
        (runtime, true)
    }

    #[inline]
    pub(crate) fn by_index(index: u32) -> Option<&'static Self> {
        RUNTIMES.get(index.checked_sub(1)?)?.get()
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// tokio's number for it.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn is_current_thread(&self) -> bool {
        matches!(self.flavor, RuntimeFlavor::CurrentThread)
    }

    /// The scope makes the runtime its own. If another scope that is open, and not around this one,
    /// has done so too, the runtime is nobody's for good. So is a multi-thread runtime that outlived
    /// an owner: a whole test binary may share it, tests without a guard included.
    pub(crate) fn claim(&self, scope: ScopeRef) {
        let _ = self
            .owner
            .fetch_update(AcqRel, Acquire, |owner| match owner {
                SHARED => None,
                owner => match self.stranger(ScopeRef::from_bits(owner), scope) {
                    Stranger::No => None,
                    Stranger::Gone if owner == 0 || self.is_current_thread() => {
                        Some(scope.to_bits())
                    }
                    Stranger::Gone => Some(SHARED),
                    Stranger::Open => Some(SHARED),
                },
            });
    }

    /// A task of the scope is spawned here: an owner that is a stranger to the scope loses the
    /// runtime.
    pub(super) fn used_by(&self, scope: ScopeRef) {
        let owner = self.owner.load(Relaxed);
        if owner != 0 && owner != SHARED && owner != scope.to_bits() {
            self.lose_owner(scope);
        }
    }

    #[cold]
    fn lose_owner(&self, scope: ScopeRef) {
        let owner = ScopeRef::from_bits(self.owner.load(Acquire));
        if matches!(self.stranger(owner, scope), Stranger::Open) {
            self.share();
        }
    }

    /// Somebody else uses it than its owner.
    pub(super) fn share(&self) {
        self.owner.store(SHARED, Relaxed);
    }

    fn stranger(&self, owner: ScopeRef, scope: ScopeRef) -> Stranger {
        if owner.open().is_none() {
            return Stranger::Gone;
        }
        let mut around = scope;
        while !around.is_none() {
            if around == owner {
                return Stranger::No;
            }
            around = around.outer();
        }
        Stranger::Open
    }

    /// The one scope that owns the runtime.
    pub(crate) fn owner(&self) -> ScopeRef {
        match self.owner.load(Acquire) {
            SHARED => ScopeRef::NONE,
            owner => ScopeRef::from_bits(owner),
        }
    }

    /// Whether some scope has ever called it its own.
    pub(crate) fn was_claimed(&self) -> bool {
        self.owner.load(Acquire) != 0
    }

    pub(super) fn count(&self, change: i64) {
        let shard = SHARD.try_with(|shard| {
            if shard.get() == usize::MAX {
                static NEXT: AtomicU64 = AtomicU64::new(0);
                shard.set(NEXT.fetch_add(1, Relaxed) as usize % SHARDS);
            }
            shard.get()
        });
        let none = || Box::new([const { Shard(AtomicI64::new(0)) }; SHARDS]);
        let tracked = self.tracked.get_or_init(none);
        tracked[shard.unwrap_or(0)].0.fetch_add(change, Relaxed);
    }

    /// How many tracked tasks the runtime counts among its alive ones; exact once it is quiet.
    pub(crate) fn tracked(&self) -> usize {
        let shards = self
            .tracked
            .get()
            .into_iter()
            .flat_map(|shards| shards.iter());
        let sum: i64 = shards.map(|shard| shard.0.load(Relaxed)).sum();
        usize::try_from(sum).unwrap_or(0)
    }
}
