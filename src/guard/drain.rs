//! Assisted drain: what a guard can do that blocks the very thread its tasks need.

use super::judge::members;
use super::settle::{Left, Naps, Settling, Waited};
use crate::registry::{Scope, TaskKind};
use crate::task::assisted::{Visit, visit};
use std::time::Instant;

/// How often in a row tasks are polled although nothing woke them: a task that yields to the
/// scheduler needs that, since the scheduler does not run.
const POLLS_ANYWAY: u32 = 8;
/// An end to what never ends: tasks that wake each other for ever.
const MOST_SWEEPS: u32 = 100_000;

/// Whether anybody but the guard lets its tasks go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Others {
    /// The guard is inside of the only thread that could. So it waits only for tasks elsewhere.
    NeedThisThread,
    /// Perhaps, on other threads.
    MayGoOn,
}

/// Lets the scope's tasks go on from here until nothing changes any more, and waits for what other
/// threads do.
pub(super) fn drain(settling: &Settling<'_>, deadline: Instant, others: Others) -> Waited {
    let waited = match others {
        Others::NeedThisThread => Waited::Blocked,
        Others::MayGoOn => Waited::Expired,
    };
    let mut naps = Naps::default();
    let mut idle_sweeps = 0;
    for _ in 0..MOST_SWEEPS {
        // Before the sweep: what wakes a task after that ends the wait below.
        let seen = settling.scope().gate.look();
        let sweep = sweep(settling.scope(), idle_sweeps > 0);
        let left = settling.look();
        if let Left::Nothing = left {
            return Waited::Clean;
        }
        let time_is_up = Instant::now() >= deadline;
        if sweep.something_happened && !time_is_up {
            idle_sweeps = 0;
            continue;
        }
        idle_sweeps += 1;
        if sweep.drives && idle_sweeps <= POLLS_ANYWAY && !time_is_up {
            continue;
        }
        if time_is_up || (others == Others::NeedThisThread && !sweep.others_go_on) {
            return waited;
        }
        match left {
            Left::Tasks { threshold, .. } => {
                settling.scope().gate.wait(seen, threshold, deadline);
            }
            Left::Nothing | Left::Count => std::thread::sleep(naps.next()),
        }
        idle_sweeps = 0;
    }
    waited
}

struct Sweep {
    something_happened: bool,
    /// There are tasks that this thread can drive.
    drives: bool,
    /// There are tasks on other threads, which may end or wake those here.
    others_go_on: bool,
}

fn sweep(scope: &'static Scope, poll_anyway: bool) -> Sweep {
    let mut sweep = Sweep {
        something_happened: false,
        drives: false,
        others_go_on: false,
    };
    for task in members(scope) {
        let visit = visit(&task, poll_anyway);
        sweep.drives |= visit.is_some();
        match visit {
            Some(Visit::Ended | Visit::Polled) => sweep.something_happened = true,
            // A poll that nothing but the guard's impatience caused is no progress.
            Some(Visit::PolledAnyway | Visit::Left) => {}
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
