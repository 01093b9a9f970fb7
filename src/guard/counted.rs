//! Tasks that are known by their number only.

use crate::registry::current::{self, Place};
use crate::registry::scope::Watched;
use crate::registry::{Scope, TrackedRuntime};
use std::time::Duration;

/// How many tasks are alive on the scope's own runtimes that nobody tracked. Too high for a moment
/// when a task has just ended: a runtime counts that late.
pub(super) fn unseen(scope: &'static Scope) -> usize {
    let watched = scope.watched();
    let unseen = watched.iter().map(|watched| (watched, watched.unseen()));
    unseen
        .map(|(watched, unseen)| {
            if unseen > 0 && is_run_by_its_asker(scope, watched) {
                unseen - 1
            } else {
                unseen
            }
        })
        .sum()
}

/// Whether an untracked task on that runtime ends a guard that was opened elsewhere: it is no leak,
/// and was not there when the guard began to count.
fn is_run_by_its_asker(scope: &'static Scope, watched: &Watched) -> bool {
    let place = current::place();
    matches!(place, Place::Tokio(_))
        && place != scope.place()
        && TrackedRuntime::current().is_some_and(|runtime| std::ptr::eq(runtime, watched.runtime()))
}

/// The same for a verdict: a number that stands while one looks again.
pub(super) fn unseen_surely(scope: &'static Scope) -> usize {
    const LOOKS: u32 = 5;
    let mut least = unseen(scope);
    for look in 0..LOOKS {
        if least == 0 {
            break;
        }
        std::thread::sleep(Duration::from_micros(50 << look));
        least = least.min(unseen(scope));
    }
    least
}
