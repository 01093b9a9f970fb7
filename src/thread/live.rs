//! The threads that are alive and that a scope answers for.

use super::birth::Birth;
use super::process::{self, Doing};
use crate::registry::{Scope, ScopeRef};
use crate::stack::{FrameOrigin, Stack};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static LIVE: Mutex<Vec<Arc<Record>>> = Mutex::new(Vec::new());

thread_local! {
    static OWN: RefCell<Option<Stay>> = const { RefCell::new(None) };
}

/// One thread that a scope answers for.
#[derive(Debug)]
pub(super) struct Record {
    birth: Birth,
    begun: Instant,
    /// The number that the system has given it; 0 until it runs.
    id: AtomicU32,
}

/// A thread that outlived its test, as it was found.
#[derive(Clone, Debug)]
pub(crate) struct LiveThread {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) stack: Stack,
    pub(crate) age: Duration,
    pub(crate) doing: Doing,
}

impl LiveThread {
    /// Whether it has come to run.
    pub(crate) fn has_begun(&self) -> bool {
        self.id != 0
    }
}

fn live() -> MutexGuard<'static, Vec<Arc<Record>>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread's place among the live ones, until it ends.
#[derive(Debug)]
pub(super) struct Stay(Arc<Record>);

impl Stay {
    /// Before the thread is started, so that it is not missed between.
    pub(super) fn begin(birth: Birth) -> Self {
        let record = Arc::new(Record {
            birth,
            begun: Instant::now(),
            id: AtomicU32::new(0),
        });
        live().push(record.clone());
        Self(record)
    }

    /// Called on the thread itself: its stay ends with its thread-locals, of which this is the first made and so the
    /// last dropped.
    pub(super) fn settle_here(self, id: u32) {
        self.0.id.store(id, Relaxed);
        self.0.birth.settle_here();
        let _ = OWN.try_with(|own| own.replace(Some(self)));
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        live().retain(|record| !Arc::ptr_eq(record, &self.0));
        let scope = self.0.birth.scope.innermost_open();
        // Wakes a guard, whose waker is foreign code; and nothing may unwind out of a thread-local's destructor.
        let woken = catch_unwind(AssertUnwindSafe(|| {
            if let Some(scope) = scope.open() {
                scope.gate().notify();
            }
        }));
        if woken.is_err() {
            crate::note::say("a guard could not be told that a thread has ended");
        }
    }
}

/// The threads that are alive and that this scope answers for: those started in it or in a scope within it that is
/// closed. Without the asking one, the threads of runtimes and taskleak's own.
pub(crate) fn left(scope: &'static Scope) -> Vec<LiveThread> {
    let own = scope.reference();
    let records: Vec<_> = live()
        .iter()
        .filter(|record| is_of(record, own) && !is_this_thread(record))
        .cloned()
        .collect();
    records
        .iter()
        .filter(|record| is_a_person_s(record.birth.stack))
        .map(|record| found(record))
        .collect()
}

fn is_of(record: &Record, scope: ScopeRef) -> bool {
    record.birth.scope.innermost_open() == scope
}

fn is_this_thread(record: &Arc<Record>) -> bool {
    OWN.try_with(|own| {
        own.borrow()
            .as_ref()
            .is_some_and(|stay| Arc::ptr_eq(&stay.0, record))
    })
    .unwrap_or(false)
}

fn found(record: &Record) -> LiveThread {
    let id = record.id.load(Relaxed);
    LiveThread {
        id,
        name: process::name(id).unwrap_or_default(),
        stack: record.birth.stack,
        age: record.begun.elapsed(),
        doing: Doing::of(id),
    }
}

/// Whether the thread was started neither by tokio nor by taskleak: the first code outside the standard library that is
/// on the stack tells, behind taskleak's own that notes the start. A stack that says nothing, as in a program without
/// symbols, blames nobody.
fn is_a_person_s(stack: Stack) -> bool {
    let origins = stack.frames().iter().map(crate::stack::Frame::origin);
    let starter = origins
        .skip_while(|origin| *origin == FrameOrigin::Taskleak)
        .find(|origin| *origin != FrameOrigin::Std);
    starter.is_some_and(|origin| !matches!(origin, FrameOrigin::Tokio | FrameOrigin::Taskleak))
}
