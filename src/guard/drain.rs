//! Assisted drain: what a guard can do that blocks the very thread its tasks need.

use super::driven;
use super::judge::members;
use super::settle::{Left, Settling, Waited};
use crate::registry::TaskKind;
use crate::registry::gate::ANY_CHANGE;
use crate::task::assisted::{Visit, visit};
use std::time::{Duration, Instant};

/// How often in a row tasks are polled although nothing woke them: a task that yields to the
/// scheduler needs that, since the scheduler does not run.
const POLLS_ANYWAY: u32 = 32;
/// An end to what never ends: tasks that wake each other for ever.
const MOST_SWEEPS: u32 = 10_000;
/// A closure on the blocking pool is out of the registry a moment before who awaits it is woken:
/// how long to wait for such a wake although nothing that could cause it is left.
const LATE_WAKE: Duration = Duration::from_millis(20);
/// The same once something of the kind has been seen to end.
const LATE_WAKE_OF_KNOWN: Duration = Duration::from_millis(100);

/// Lets the scope's tasks go on from here until nothing changes any more, and waits for what other
/// threads do.
pub(super) fn drain(settling: &Settling, deadline: Instant) -> Waited {
    if let Some(waited) = settling.look().ends_wait() {
        return waited;
    }
    let mut until = Instant::now() + LATE_WAKE;
    loop {
        let seen = settling.scope().gate().look();
        let others_go_on = exhaust(settling, deadline) || settling.has_threads();
        let left = settling.look_closely(true);
        if let Some(waited) = left.ends_wait() {
            return waited;
        }
        let now = Instant::now();
        if others_go_on {
            until = now + LATE_WAKE_OF_KNOWN;
        }
        let until = if others_go_on {
            deadline
        } else {
            until.min(deadline)
        };
        if now >= until {
            // Threads, unlike tasks, have gone on meanwhile.
            return match left {
                Left::Threads(_) => Waited::Expired,
                _ => Waited::Blocked,
            };
        }
        settling.scope().gate().wait(seen, ANY_CHANGE, until);
    }
}

/// Polls the scope's tasks that can be reached from here until none of them gets on any more. Says
/// whether there are others, which may end or wake those here.
pub(super) fn exhaust(settling: &Settling, deadline: Instant) -> bool {
    let mut idle_sweeps = 0;
    let mut others_go_on = false;
    for _ in 0..MOST_SWEEPS {
        let sweep = sweep(settling, idle_sweeps > 0);
        others_go_on = sweep.others_go_on;
        if settling.look().ends_wait().is_some() {
            break;
        }
        // Without any grace, what is due is still let go on, once.
        if Instant::now() >= deadline && idle_sweeps > 0 {
            break;
        }
        if sweep.something_happened && Instant::now() < deadline {
            idle_sweeps = 0;
            continue;
        }
        if !sweep.something_left || idle_sweeps == POLLS_ANYWAY {
            break;
        }
        idle_sweeps += 1;
    }
    others_go_on
}

#[derive(Default)]
struct Sweep {
    something_happened: bool,
    /// There are tasks that could be polled from here.
    something_left: bool,
    /// There are tasks on other threads.
    others_go_on: bool,
}

fn sweep(settling: &Settling, poll_anyway: bool) -> Sweep {
    let mut sweep = Sweep::default();
    for task in members(settling.scope()) {
        match visit(&task, poll_anyway) {
            Some(Visit::Ended) => sweep.something_happened = true,
            Some(Visit::Polled) => {
                sweep.something_left = true;
                // A poll that nothing but the guard's impatience caused is no progress.
                sweep.something_happened |= !poll_anyway;
            }
            Some(Visit::Left) => sweep.something_left = true,
            Some(Visit::Elsewhere) => sweep.others_go_on = true,
            None => {
                let here = task.kind() == TaskKind::Future
                    || (task.kind() != TaskKind::Blocking && is_on_this_runtime(task.runtime));
                sweep.others_go_on |= !here;
            }
        }
    }
    sweep
}

/// Whether a task of that runtime can only go on when this thread does.
fn is_on_this_runtime(runtime: u32) -> bool {
    crate::registry::TrackedRuntime::current()
        .is_some_and(|current| current.index() == runtime && current.is_current_thread())
        && driven::by_this_thread()
}
