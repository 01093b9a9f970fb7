//! The threads that poll tracked tasks: those to look at, where a poll was not timed.

use super::local::Local;
use super::poller;
use std::sync::{Mutex, MutexGuard, PoisonError};

static THREADS: Mutex<Vec<Poller>> = Mutex::new(Vec::new());

fn threads() -> MutexGuard<'static, Vec<Poller>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread, by the system's number of it.
#[derive(Clone, Copy)]
struct Poller {
    thread: u32,
    /// The one whose task it polled last for the first time; its index, 0 for unknown.
    runtime: u32,
}

/// On the list as long as the thread lives.
struct Listed(u32);

impl Drop for Listed {
    fn drop(&mut self) {
        threads().retain(|poller| poller.thread != self.0);
    }
}

/// No runtime's index: the thread is not listed.
pub(super) const NOT_LISTED: u32 = u32::MAX;

thread_local! {
    static LISTED: Listed = Listed(poller::id());
}

/// Whether it is known that the calling thread polls tracked tasks of that runtime.
#[inline(always)]
pub(super) fn is_noted(local: &Local, runtime: u32) -> bool {
    local.polled.get() == runtime
}

/// The calling thread polls tracked tasks of that runtime.
#[inline(always)]
pub(super) fn note(local: &Local, runtime: u32) {
    if !is_noted(local, runtime) {
        local.polled.set(runtime);
        list(runtime);
    }
}

#[cold]
fn list(runtime: u32) {
    let Ok(thread) = LISTED.try_with(|listed| listed.0) else {
        return;
    };
    if thread == 0 {
        return;
    }
    let mut threads = threads();
    match threads.iter_mut().find(|poller| poller.thread == thread) {
        Some(poller) => poller.runtime = runtime,
        None => threads.push(Poller { thread, runtime }),
    }
}

/// All of them but the calling one.
pub(crate) fn others() -> Vec<u32> {
    those(|_| true)
}

/// Those that polled a task of this runtime last, by its index, without the calling one.
pub(crate) fn of_runtime(runtime: u32) -> Vec<u32> {
    those(|poller| poller.runtime == runtime)
}

fn those(are: impl Fn(&Poller) -> bool) -> Vec<u32> {
    let own = poller::id();
    let threads = threads();
    let those = threads.iter().filter(|poller| poller.thread != own);
    those
        .filter(|poller| are(poller))
        .map(|poller| poller.thread)
        .collect()
}
