//! Tasks that are known by their number only.

use super::asking;
use crate::registry::current::{self, Place};
use crate::registry::scope::Watched;
use crate::registry::{Scope, TrackedRuntime};
use std::time::Duration;

/// How many tasks are alive on the scope's own runtimes that nobody tracked. Too high for a moment
/// when a task has just ended: a runtime counts that late.
pub(super) fn unseen(scope: &'static Scope) -> usize {
    let watched = scope.watched();
    watched
        .iter()
        .map(|watched| match watched.unseen() {
            // Nearly always, and then nobody has to be left out.
            0 => 0,
            unseen => Asker::of(scope, watched).leave_out(unseen),
        })
        .sum()
}

/// The untracked task that ends a guard, if it is on a runtime that the guard counts on: no leak, whatever comes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// It is none.
    Nobody,
    /// It was there when the guard began to count.
    OfBefore,
    /// It was not.
    Since,
    /// One of the two: tokio did not tell where the guard was opened.
    Unclear,
}

impl Asker {
    pub(super) fn of(scope: &'static Scope, watched: &Watched) -> Self {
        let place = current::place();
        let is_task = matches!(place, Place::Tokio(_));
        let is_untold = asking::is_untold();
        let is_here = || {
            TrackedRuntime::current()
                .is_some_and(|runtime| std::ptr::eq(runtime, watched.runtime()))
        };
        if !(is_task || is_untold) || !is_here() {
            return Self::Nobody;
        }
        match is_task {
            true if place == scope.place() => Self::OfBefore,
            // Where there was none, it was not.
            false if watched.baseline() > 0 => Self::Unclear,
            _ => Self::Since,
        }
    }

    /// The same, if so many tasks are older.
    pub(super) fn cleared(self, watched: &Watched, older: usize) -> Self {
        match self {
            Self::Unclear if older < watched.baseline() => Self::OfBefore,
            Self::Unclear => Self::Since,
            clear => clear,
        }
    }

    /// So many tasks that were not there before, but this one.
    fn leave_out(self, unseen: usize) -> usize {
        unseen.saturating_sub(usize::from(self == Self::Since))
    }

    /// So many tasks that were there before, but this one.
    pub(super) fn leave_out_before(self, baseline: usize) -> usize {
        baseline.saturating_sub(usize::from(self == Self::OfBefore))
    }
}

/// The same on one runtime.
pub(super) fn unseen_on(watched: &Watched, asker: Asker) -> usize {
    asker.leave_out(watched.unseen())
}

/// The same for a verdict: a number that stands while one looks again.
pub(super) fn unseen_surely(watched: &Watched, asker: Asker) -> usize {
    least(|| unseen_on(watched, asker))
}

/// How many tasks are alive on a runtime that nobody tracked, before anybody counts there.
pub(super) fn there_already(watched: &Watched) -> usize {
    least(|| watched.unseen())
}

/// The least of several looks at a number that is too high for a moment: the worker that ran a task wakes who joins it
/// before it counts the end, and may lose its processor in between. They take 13 ms in all.
fn least(look: impl Fn() -> usize) -> usize {
    const LOOKS: u32 = 8;
    let mut least = look();
    for again in 0..LOOKS {
        if least == 0 {
            break;
        }
        std::thread::sleep(Duration::from_micros(50 << again));
        least = least.min(look());
    }
    least
}
