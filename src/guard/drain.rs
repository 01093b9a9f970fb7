//! Assisted drain: what a guard can do that blocks the very thread its tasks need.

use super::judge::members;
use super::settle::{Left, Settling, Waited};
use crate::registry::TaskKind;
use crate::task::assisted::{Visit, visit};
use std::time::Instant;

/// How often in a row tasks are polled although nothing woke them: a task that yields to the
/// scheduler needs that, since the scheduler does not run.
const POLLS_ANYWAY: u32 = 8;
/// An end to what never ends: tasks that wake each other for ever.
const MOST_SWEEPS: u32 = 100_000;

/// Lets the scope's tasks go on from here until nothing changes any more, and waits for what other
/// threads do.
pub(super) fn drain(settling: &Settling<'_>, deadline: Instant) -> Waited {
    let mut idle_sweeps = 0;
    for _ in 0..MOST_SWEEPS {
        let seen = settling.scope().gate.look();
        let sweep = sweep(settling, idle_sweeps > 0);
        if let Left::Nothing = settling.look() {
            return Waited::Clean;
        }
        let time_is_up = Instant::now() >= deadline;
        if sweep.something_happened && !time_is_up {
            idle_sweeps = 0;
            continue;
        }
        idle_sweeps += 1;
        if idle_sweeps <= POLLS_ANYWAY && !time_is_up {
            continue;
        }
        if time_is_up || !sweep.others_go_on {
            break;
        }
        settling.scope().gate.wait(seen, u32::MAX, deadline);
        idle_sweeps = 0;
    }
    Waited::Blocked
}

struct Sweep {
    something_happened: bool,
    /// There are tasks on other threads, which may end or wake those here.
    others_go_on: bool,
}

fn sweep(settling: &Settling<'_>, poll_anyway: bool) -> Sweep {
    let mut sweep = Sweep {
        something_happened: false,
        others_go_on: false,
    };
    for task in members(settling.scope()) {
        match visit(&task, poll_anyway) {
            Some(Visit::Ended) => sweep.something_happened = true,
            // A poll that nothing but the guard's impatience caused is no progress.
            Some(Visit::Polled) => sweep.something_happened |= !poll_anyway,
            Some(Visit::Left) => {}
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
}
