//! One thread that does things when their time has come. On the real clock, and on no runtime: time
//! boxes must hold also for tasks that keep every worker busy.

use super::slot::Reading;
use super::timebox;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

pub(crate) enum Call {
    /// A task's time box is over.
    Timebox(Reading),
    /// Of a [`Sleep`], while it is awaited.
    Wake(Weak<Sleeper>),
}

type Sleeper = Mutex<Option<Waker>>;

impl Call {
    fn is_stale(&self) -> bool {
        match self {
            Self::Timebox(task) => !task.still_alive(),
            Self::Wake(sleeper) => sleeper.strong_count() == 0,
        }
    }

    fn run(self) {
        match self {
            Self::Timebox(task) => timebox::is_due(&task),
            Self::Wake(sleeper) => {
                let Some(sleeper) = sleeper.upgrade() else {
                    return;
                };
                let waker = sleeper
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                waker.into_iter().for_each(Waker::wake);
            }
        }
    }
}

struct Alarm {
    at: Instant,
    /// Alarms of one instant go off in the order they were set.
    number: u64,
    call: Call,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The earliest is the greatest, as the heap wants it.
impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

struct Clock {
    alarms: BinaryHeap<Alarm>,
    set: u64,
    /// At this many alarms, those of tasks that have ended are cleared away.
    clear_at: usize,
    has_thread: bool,
    /// That no thread could be started was said.
    has_failed: bool,
}

impl Clock {
    /// Sees to it that there is a thread, if there is anything to be done by it. An error is returned
    /// once: whoever is told may have to read it often enough.
    fn ensure_thread(
        &mut self,
        start: impl FnOnce() -> std::io::Result<()>,
    ) -> Option<std::io::Error> {
        if self.has_thread || self.alarms.is_empty() {
            return None;
        }
        let started = start();
        self.has_thread = started.is_ok();
        LACKS_THREAD.store(!self.has_thread, Relaxed);
        let failed = started.err().filter(|_| !self.has_failed);
        self.has_failed |= failed.is_some();
        failed
    }
}

/// There are alarms, and no thread could be started for them.
static LACKS_THREAD: AtomicBool = AtomicBool::new(false);

/// Tries again to start the thread, if that has failed: by whoever comes by now and then.
#[inline]
pub(crate) fn try_again() {
    if LACKS_THREAD.load(Relaxed) {
        try_again_now();
    }
}

#[cold]
fn try_again_now() {
    let failed = lock().ensure_thread(start);
    note(failed);
}

fn start() -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("taskleak-alarm".to_owned());
    thread.spawn(run).map(drop)
}

fn note(failed: Option<std::io::Error>) {
    if let Some(error) = failed {
        crate::note::say(format_args!(
            "no time box is watched and no cyclic snapshot taken, since no thread could be started: {error}. \
             It is tried again whenever a task with a time box begins or ends, and with each snapshot, \
             scrape or page; what was due is then done at once. Raise the limit on threads."
        ));
    }
}

const CLEAR_AT: usize = 1024;

static CLOCK: Mutex<Clock> = Mutex::new(Clock {
    alarms: BinaryHeap::new(),
    set: 0,
    clear_at: CLEAR_AT,
    has_thread: false,
    has_failed: false,
});
static CHANGED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets an alarm.
pub(crate) fn set(at: Instant, call: Call) {
    let mut clock = lock();
    let is_first = clock.alarms.peek().is_none_or(|first| at < first.at);
    let number = clock.set;
    clock.set += 1;
    clock.alarms.push(Alarm { at, number, call });
    let mut stale = Vec::new();
    if clock.alarms.len() >= clock.clear_at {
        let (gone, left) = std::mem::take(&mut clock.alarms)
            .into_iter()
            .partition(|alarm| alarm.call.is_stale());
        stale = gone;
        clock.alarms = BinaryHeap::from(left);
        clock.clear_at = (2 * clock.alarms.len()).max(CLEAR_AT);
    }
    if clock.has_thread && is_first {
        CHANGED.notify_one();
    }
    let failed = clock.ensure_thread(start);
    drop(clock);
    drop(stale);
    note(failed);
}

/// Resolves at an instant, on any runtime: no timer of the runtime's is needed.
pub(crate) struct Sleep {
    until: Instant,
    sleeper: Option<Arc<Sleeper>>,
}

impl Sleep {
    pub(crate) fn until(until: Instant) -> Self {
        Self {
            until,
            sleeper: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(sleeper) = &self.sleeper {
            let waker = cx.waker().clone();
            // A former waker is dropped after the lock is released.
            let _former = sleeper
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .replace(waker);
        } else {
            let sleeper = Arc::new(Mutex::new(Some(cx.waker().clone())));
            set(self.until, Call::Wake(Arc::downgrade(&sleeper)));
            self.sleeper = Some(sleeper);
        }
        // Looked at after the waker was left: it is woken by an alarm that goes off from now on.
        if Instant::now() >= self.until {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

fn run() {
    let mut clock = lock();
    loop {
        let now = Instant::now();
        match clock.alarms.peek().map(|first| first.at) {
            None => clock = CHANGED.wait(clock).unwrap_or_else(PoisonError::into_inner),
            Some(at) if at > now => {
                let slept = CHANGED.wait_timeout(clock, at - now);
                clock = slept.unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {
                let due = clock.alarms.pop();
                // Foreign code: not under the lock, and its panic is not this thread's end.
                drop(clock);
                if let Some(alarm) = due {
                    let ran = catch_unwind(AssertUnwindSafe(|| alarm.call.run()));
                    ran.unwrap_or_else(crate::payload::discard);
                }
                clock = lock();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};
    use std::time::Duration;

    #[test]
    fn without_a_thread_it_is_tried_until_there_is_one_and_said_once() {
        let mut clock = Clock {
            alarms: BinaryHeap::new(),
            set: 0,
            clear_at: CLEAR_AT,
            has_thread: false,
            has_failed: false,
        };
        let refuse = || Err(Error::from(ErrorKind::WouldBlock));
        assert!(
            clock
                .ensure_thread(|| unreachable!("there is nothing to do"))
                .is_none()
        );
        clock.alarms.push(Alarm {
            at: Instant::now() + Duration::from_secs(3600),
            number: 0,
            call: Call::Wake(Weak::new()),
        });
        assert!(clock.ensure_thread(refuse).is_some());
        assert!(LACKS_THREAD.load(Relaxed));
        assert!(clock.ensure_thread(refuse).is_none(), "it was said");
        assert!(clock.ensure_thread(|| Ok(())).is_none());
        assert!(clock.has_thread && !LACKS_THREAD.load(Relaxed));
        assert!(
            clock
                .ensure_thread(|| unreachable!("there is one"))
                .is_none()
        );
    }
}
