//! The threads that poll tracked tasks: those to look at, where a poll was not timed.

use super::poller;
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

static THREADS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn threads() -> MutexGuard<'static, Vec<u32>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On the list as long as the thread lives.
struct Listed(u32);

impl Drop for Listed {
    fn drop(&mut self) {
        threads().retain(|thread| *thread != self.0);
    }
}

thread_local! {
    static IS_LISTED: Cell<bool> = const { Cell::new(false) };
    static LISTED: Listed = Listed(poller::id());
}

/// The calling thread polls tracked tasks.
#[inline]
pub(super) fn note() {
    // Without a destructor, unlike the other: a look costs one load.
    let is_listed = IS_LISTED.try_with(|listed| listed.replace(true));
    if is_listed == Ok(false) {
        list();
    }
}

#[cold]
fn list() {
    if let Ok(thread) = LISTED.try_with(|listed| listed.0)
        && thread != 0
    {
        threads().push(thread);
    }
}

/// All of them but the calling one.
pub(crate) fn others() -> Vec<u32> {
    let own = poller::id();
    let threads = threads();
    threads
        .iter()
        .copied()
        .filter(|thread| *thread != own)
        .collect()
}
