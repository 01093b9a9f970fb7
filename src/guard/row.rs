//! The ways to wait on a thread, of which the place where a guard ends decides.

use super::Options;
use super::drain::{drain, exhaust};
use super::driven;
use super::settle::Settling;
use crate::registry::{Scope, current};
use crate::report::Settled;
use crate::task::assisted;
use crate::wait::trace::Answers;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Where a guard ends that is not awaited, and so how it can wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// Outside any runtime, on the thread that called a multi-thread runtime's `block_on`, or where a handle was entered.
    Block,
    /// In a task of a multi-thread runtime's worker: the worker's other tasks move on first.
    BlockInPlace,
    /// Inside a current-thread runtime, or in a local task.
    Drain,
}

impl Row {
    pub(super) fn here() -> Self {
        let Ok(handle) = Handle::try_current() else {
            return Self::Block;
        };
        let in_local_task = current::task()
            .and_then(crate::registry::Slot::read)
            .is_some_and(|task| task.kind() == crate::registry::TaskKind::Local);
        let is_current_thread = handle.runtime_flavor() == RuntimeFlavor::CurrentThread;
        if in_local_task || (is_current_thread && driven::by_this_thread()) {
            Self::Drain
        } else if is_current_thread {
            Self::Block
        } else if crate::registry::tokio_ids::may_be_in_task() && !assisted::any_on_this_thread() {
            Self::BlockInPlace
        } else {
            Self::Block
        }
    }

    /// Runs what blocks, once, so that it holds up nobody.
    pub(super) fn run(self, block: impl Fn()) {
        if self != Self::BlockInPlace || block_in_place(&block).is_none() {
            block();
        }
    }
}

/// Waits on this thread, however that can be done here, and asks what is left what it waits for.
pub(super) fn settle_blocking(scope: &'static Scope, options: &Options) -> (Settled, Answers) {
    let settling = Settling::new(scope, options);
    let deadline = Instant::now() + options.grace_or_default();
    let drain = |deadline| drain(&settling, deadline);
    // A `LocalSet`, or a current-thread runtime that nobody drives now, may be waiting for this very
    // thread.
    let block = |deadline| settling.block(deadline, || _ = exhaust(&settling, deadline));
    let in_place = |deadline| settling.block(deadline, || ());
    let left = match Row::here() {
        Row::Drain => settling.trace_blocking(drain(deadline), drain),
        Row::Block => settling.trace_blocking(block(deadline), block),
        Row::BlockInPlace => {
            block_in_place(|| settling.trace_blocking(in_place(deadline), in_place))
                .unwrap_or_else(|| settling.trace_blocking(drain(deadline), drain))
        }
    };
    (left.waited.settled(), left.answers)
}

/// Waits on this thread, letting a worker's other tasks move on first.
pub(super) fn in_place_if_need_be(wait: impl Fn()) {
    match Row::here() {
        Row::BlockInPlace => block_in_place(&wait).unwrap_or_else(wait),
        Row::Block | Row::Drain => wait(),
    }
}

/// As tokio's; nothing where tokio forbids it. That is in a local task beside workers: if nobody
/// tracked it, no public API tells it from a worker's task.
fn block_in_place<T>(wait: impl FnOnce() -> T) -> Option<T> {
    let mut begun = false;
    let waited = catch_unwind(AssertUnwindSafe(|| {
        tokio::task::block_in_place(|| {
            begun = true;
            wait()
        })
    }));
    match waited {
        Ok(waited) => Some(waited),
        Err(panic) if begun => resume_unwind(panic),
        Err(_) => None,
    }
}
