//! Tasks that a guard may have to drive itself.
//!
//! A guard that is dropped inside a current-thread runtime blocks the only thread that could let its
//! tasks end: a task that was just aborted, or whose channel was just closed, would look leaked. So
//! in scopes where that may happen a task's future lives in a cell that both the runtime and the
//! guard can reach, one at a time: the guard drops the futures of aborted tasks and polls those that
//! are due ([`drain`](crate::guard)). What such a poll returns is kept for the runtime, which
//! delivers it to the task's `JoinHandle` at its next turn.

use crate::registry::inquiry;
use crate::registry::numbers::NumberMap;
use crate::registry::slot::Reading;
use crate::registry::{Slot, TaskId, TaskKind, current, entry};
use crate::wait::Header;
use crate::wait::trace::{self, TracedPoll};
use std::any::Any;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// The future that the runtime polls: a handle to the cell.
pub(super) struct Assisted<F: Future> {
    cell: Arc<Cell<F>>,
    registered: Registered,
}

/// A task's future, for the runtime and the guard in turn.
///
/// Whoever polls or drops the future holds the lock of `stage` while it runs foreign code. That
/// breaks the rule that locks are never held over foreign code, knowingly: the lock *is* the right
/// to poll. Nobody waits for it on the thread that holds it: the guard only tries.
pub(super) struct Cell<F: Future> {
    stage: Mutex<Stage<F>>,
    /// Held for moments only, unlike `stage`, so that a spawner can wait for it.
    whereabouts: Mutex<Whereabouts>,
    wake: Arc<WakeBoth>,
    /// A closure on the blocking pool spawned it, for a thread that it does not know.
    spawned_by_closure: bool,
    /// What the task's code may want to find around it: its runtime's timers, sockets and spawner.
    runtime: Option<Handle>,
}

struct Stage<F: Future> {
    progress: Progress<F>,
    /// Where the runtime polled it last, or will for the first time, if that is known.
    thread: Option<ThreadId>,
}

/// Where the task is whose future this is.
enum Whereabouts {
    /// Being spawned, or where nothing can be read.
    Unknown,
    At(Header),
    /// The runtime has dropped the future, or is about to.
    Gone,
}

impl Whereabouts {
    fn arrive(&mut self, header: Option<Header>) {
        if let (Self::Unknown, Some(header)) = (&self, header) {
            *self = Self::At(header);
        }
    }
}

enum Progress<F: Future> {
    /// The runtime polled it to its end, or has yet to.
    Running(Pin<Box<F>>),
    /// The guard polled it to its end.
    Finished(std::thread::Result<F::Output>),
    /// The guard dropped it since it was aborted; or the runtime has taken what there was.
    Gone,
}

/// What came of a guard's visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visit {
    /// The task has ended, as far as its scope is concerned.
    Ended,
    /// It was polled, and is pending.
    Polled,
    /// Nothing to do: not due, or being polled by somebody.
    Left,
    /// It runs on another thread, which can go on without the guard.
    Elsewhere,
}

/// A cell, whatever its future.
pub(crate) trait Assist {
    /// Lets the task go on if it is due, or if `anyway`.
    fn visit(&self, task: &Reading, anyway: bool) -> Visit;

    /// Who can wake the task, as far as the cell knows.
    fn reach(&self) -> Reach;
}

/// What a cell knows of its task's wakers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reach {
    /// How many wakers of the runtime's the cell itself keeps.
    pub(crate) own: usize,
    /// A waker that a guard polled the task with is still somewhere, or has woken it.
    pub(crate) wakeable: bool,
}

/// Wakes the guard that drives the task and the runtime that owns it.
struct WakeBoth {
    due: AtomicBool,
    /// The guard has polled the task since the runtime last did: that the runtime still has it
    /// queued means nothing new.
    consumed: AtomicBool,
    runtime: Mutex<Option<Waker>>,
    /// Wakes the guard's thread, if it waits.
    scope: Option<&'static crate::registry::Scope>,
}

impl Wake for WakeBoth {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Pairs with the swap in `visit`: the poll that follows sees what the waker's caller did.
        self.due.store(true, Release);
        self.notify_scope();
        let runtime = self.lock_runtime().clone();
        if let Some(waker) = runtime {
            waker.wake();
        }
    }
}

impl WakeBoth {
    fn notify_scope(&self) {
        if let Some(scope) = self.scope {
            scope.gate().notify();
        }
    }

    fn lock_runtime(&self) -> MutexGuard<'_, Option<Waker>> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_runtime(&self, waker: &Waker) {
        let mut runtime = self.lock_runtime();
        match &mut *runtime {
            Some(known) if known.will_wake(waker) => {}
            known => {
                let old = known.replace(waker.clone());
                drop(runtime);
                drop(old);
            }
        }
    }
}

impl<F> Assisted<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    /// The future to be polled by the runtime, and its cell.
    pub(super) fn new(
        slot: &'static Slot,
        runtime: Option<Handle>,
        future: F,
    ) -> (Self, Arc<Cell<F>>) {
        let cell = Cell::new(slot, runtime, future);
        let id = slot.id();
        anywhere().get_or_insert_default().insert(id, cell.clone());
        (
            Self {
                cell: cell.clone(),
                registered: Registered::Anywhere(id),
            },
            cell,
        )
    }
}

impl<F: Future + 'static> Assisted<F> {
    /// The same for a future that stays on this thread.
    pub(super) fn new_local(slot: &'static Slot, future: F) -> (Self, Arc<Cell<F>>) {
        let cell = Cell::new(slot, Handle::try_current().ok(), future);
        let id = slot.id();
        let _ = HERE.try_with(|here| here.borrow_mut().insert(id, cell.clone()));
        (
            Self {
                cell: cell.clone(),
                registered: Registered::OnThisThread(id),
            },
            cell,
        )
    }
}

impl<F: Future> Cell<F> {
    #[allow(
        clippy::arc_with_non_send_sync,
        reason = "one type serves local futures too"
    )]
    fn new(slot: &'static Slot, runtime: Option<Handle>, future: F) -> Arc<Self> {
        let spawner = current::task().and_then(Slot::read);
        let spawned_by_closure = spawner.is_some_and(|task| task.kind() == TaskKind::Blocking);
        Arc::new(Self {
            stage: Mutex::new(Stage {
                progress: Progress::Running(Box::pin(future)),
                thread: (!spawned_by_closure).then(|| std::thread::current().id()),
            }),
            whereabouts: Mutex::new(Whereabouts::Unknown),
            spawned_by_closure,
            runtime,
            wake: Arc::new(WakeBoth {
                due: AtomicBool::new(false),
                consumed: AtomicBool::new(false),
                runtime: Mutex::new(None),
                scope: slot.scope_entry(),
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Stage<F>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the cell where its task is, after the spawn that made the task.
    pub(super) fn set_header(&self, task: &AbortHandle) {
        self.whereabouts().arrive(Header::of(task));
        if self.spawned_by_closure {
            // A guard may be waiting already, and be the only one to poll the task.
            self.wake.notify_scope();
        }
    }

    fn whereabouts(&self) -> MutexGuard<'_, Whereabouts> {
        self.whereabouts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the runtime will poll the task at its next turn, and whether to cancel it then.
    #[allow(unsafe_code)]
    fn due(&self) -> (bool, bool) {
        let whereabouts = self.whereabouts();
        let Whereabouts::At(header) = *whereabouts else {
            return (false, false);
        };
        // SAFETY: the runtime's future for this task is the `Assisted`, whose drop sets the
        // whereabouts to `Gone` under the lock that is held here: so it has not been dropped, and
        // is not before the lock is released.
        unsafe { (header.is_notified(), header.is_cancelled()) }
    }
}

impl<F: Future> Assist for Cell<F> {
    fn visit(&self, task: &Reading, anyway: bool) -> Visit {
        let mut stage = match self.stage.try_lock() {
            Ok(stage) => stage,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Visit::Left,
        };
        let here = std::thread::current().id();
        if stage.thread.is_some_and(|thread| thread != here) {
            return Visit::Elsewhere;
        }
        let _context = self.runtime.as_ref().map(Handle::enter);
        let (notified, cancelled) = self.due();
        let Progress::Running(future) = &mut stage.progress else {
            return Visit::Left;
        };
        if cancelled {
            let cancelled = std::mem::replace(&mut stage.progress, Progress::Gone);
            end(task.slot, || drop(cancelled));
            return Visit::Ended;
        }
        // A task that the runtime has queued stays so until the runtime polls it: the guard does
        // that once, and then goes by the wakes of the waker that it polled with.
        let queued = notified && !self.wake.consumed.load(Acquire);
        let due = self.wake.due.swap(false, AcqRel);
        if !(due || queued || anyway) {
            return Visit::Left;
        }
        self.wake.consumed.store(true, Release);
        let waker = Waker::from(self.wake.clone());
        let entered = entry::enter_assisted(task.slot);
        // Called in this very function, which is where the traces end.
        let traced = if task.slot.is_wanted() {
            Some(TracedPoll::begin(task.slot, &waker))
        } else {
            None
        };
        let waker = traced.as_ref().map_or(&waker, |traced| traced.waker());
        let visit = Visiting::begin(std::ptr::from_ref(self).addr());
        let poll = catch_unwind(AssertUnwindSafe(|| poll_freely(future.as_mut(), waker)));
        drop(visit);
        if matches!(*self.whereabouts(), Whereabouts::Gone) {
            // The task itself made its runtime drop it, and its record is no more: what is left of
            // it ends with this cell.
            entered.abandon();
            return Visit::Ended;
        }
        let result = match poll {
            Ok(Poll::Pending) => {
                entered.returned(false);
                if let Some(traced) = traced {
                    traced.pending();
                }
                return Visit::Polled;
            }
            Ok(Poll::Ready(output)) => {
                entered.returned(true);
                Ok(output)
            }
            Err(panic) => {
                drop(entered);
                Err(panic)
            }
        };
        let ended = std::mem::replace(&mut stage.progress, Progress::Finished(result));
        end(task.slot, || drop(ended));
        drop(stage);
        // The runtime has to come by to deliver the output.
        let runtime = self.wake.lock_runtime().clone();
        if let Some(waker) = runtime {
            waker.wake();
        }
        Visit::Ended
    }

    fn reach(&self) -> Reach {
        self.wake.reach()
    }
}

impl WakeBoth {
    fn reach(self: &Arc<Self>) -> Reach {
        Reach {
            own: usize::from(self.lock_runtime().is_some()),
            wakeable: Arc::strong_count(self) > 1 || self.due.load(Acquire),
        }
    }
}

thread_local! {
    /// The cells whose futures a guard polls on this thread, by address.
    static VISITED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, a guard polls a cell's future on this thread.
struct Visiting;

impl Visiting {
    fn begin(cell: usize) -> Self {
        let _ = VISITED.try_with(|visited| visited.borrow_mut().push(cell));
        Self
    }

    fn is(cell: usize) -> bool {
        VISITED
            .try_with(|visited| visited.borrow().contains(&cell))
            .unwrap_or(false)
    }
}

impl Drop for Visiting {
    fn drop(&mut self) {
        let _ = VISITED.try_with(|visited| visited.borrow_mut().pop());
    }
}

/// Polls outside of the cooperative budget, which only the runtime can refill.
fn poll_freely<F: Future>(mut future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    let freely = tokio::task::unconstrained(poll_fn(|cx| future.as_mut().poll(cx)));
    pin!(freely).poll(&mut Context::from_waker(waker))
}

/// Drops a task's future as the task, and takes the task off its scope.
fn end(slot: &'static Slot, drop_future: impl FnOnce()) {
    let entered = entry::enter_drop(slot);
    let dropped = catch_unwind(AssertUnwindSafe(drop_future));
    drop(entered);
    entry::settle(slot);
    if slot.is_wanted() {
        inquiry::tell(slot, slot.id(), &inquiry::Answer::Ended);
    }
    if dropped.is_err() {
        crate::report::note("a task's future panicked when a guard dropped it after its abort");
    }
}

impl<F: Future> Future for Assisted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut stage = self.cell.lock();
        let Stage {
            progress, thread, ..
        } = &mut *stage;
        match progress {
            Progress::Running(future) => {
                *thread = Some(std::thread::current().id());
                self.cell.wake.set_runtime(trace::real(cx.waker()));
                self.cell.wake.due.store(false, Release);
                self.cell.wake.consumed.store(false, Release);
                future.as_mut().poll(cx)
            }
            Progress::Finished(_) => {
                let Progress::Finished(result) =
                    std::mem::replace(&mut stage.progress, Progress::Gone)
                else {
                    unreachable!("just matched");
                };
                drop(stage);
                match result {
                    Ok(output) => Poll::Ready(output),
                    Err(panic) => resume_unwind(panic),
                }
            }
            // Aborted: the runtime does not poll it any more.
            Progress::Gone => Poll::Pending,
        }
    }
}

impl<F: Future> Drop for Assisted<F> {
    fn drop(&mut self) {
        self.registered.remove();
        *self.cell.whereabouts() = Whereabouts::Gone;
        if Visiting::is(Arc::as_ptr(&self.cell).addr()) {
            // The guard polls the task on this very thread, and the task has shut its runtime down:
            // the stage is the guard's, which finds the task gone when the poll returns.
            return;
        }
        let progress = {
            let mut stage = self.cell.lock();
            std::mem::replace(&mut stage.progress, Progress::Gone)
        };
        drop(progress);
    }
}

static ANYWHERE: Mutex<Option<NumberMap<TaskId, Arc<dyn Assist + Send + Sync>>>> = Mutex::new(None);

thread_local! {
    static HERE: RefCell<NumberMap<TaskId, Arc<dyn Assist>>> = RefCell::default();
}

fn anywhere() -> MutexGuard<'static, Option<NumberMap<TaskId, Arc<dyn Assist + Send + Sync>>>> {
    ANYWHERE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a local task of this thread may need help: then the thread is no worker's.
pub(crate) fn any_on_this_thread() -> bool {
    HERE.try_with(|here| !here.borrow().is_empty())
        .unwrap_or(false)
}

/// Where a cell is to be found by a guard.
enum Registered {
    Anywhere(TaskId),
    OnThisThread(TaskId),
}

impl Registered {
    fn remove(&self) {
        // What is removed is dropped after the table is free again.
        let removed: Box<dyn Any> = match self {
            Self::Anywhere(id) => Box::new(anywhere().as_mut().and_then(|table| table.remove(id))),
            Self::OnThisThread(id) => Box::new(
                HERE.try_with(|here| here.borrow_mut().remove(id))
                    .ok()
                    .flatten(),
            ),
        };
        drop(removed);
    }
}

/// Visits a task, if it is one that this thread may drive; `None` if it is not.
pub(crate) fn visit(task: &Reading, poll_anyway: bool) -> Option<Visit> {
    with_cell(task, |cell| cell.visit(task, poll_anyway))
}

/// Who can wake the task beside those whom its runtime knows; nothing for one that has no cell.
pub(crate) fn reach(task: &Reading) -> Reach {
    with_cell(task, |cell| cell.reach()).unwrap_or_default()
}

fn with_cell<T>(task: &Reading, look: impl FnOnce(&dyn Assist) -> T) -> Option<T> {
    let local = HERE
        .try_with(|here| here.borrow().get(&task.id).cloned())
        .ok()
        .flatten();
    if let Some(cell) = local {
        return Some(look(&*cell));
    }
    let cell = anywhere().as_ref()?.get(&task.id).cloned()?;
    Some(look(&*cell))
}
