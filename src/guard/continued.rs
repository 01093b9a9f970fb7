//! Going on, by debug info, where what tasks answered comes to an end.

use super::sharing::Sharing;
use crate::census;
use crate::registry::slot::Reading;
use crate::registry::{TaskId, TaskInfo, pin};
use crate::wait::{AwaitTrace, RuntimeKind};
use std::collections::HashMap;

/// Tasks that are looked at: a quarter of a second in an unoptimised build.
const MOST: usize = 1 << 14;

/// Puts on each task whose answer may not show all that it waits in, or that did not come to answer, what debug info
/// shows of its future.
pub(crate) fn continue_traces(tasks: &mut [TaskInfo]) {
    // Where equal functions are one, so are types that have nothing to do with each other.
    if !census::types_are_exact() {
        return;
    }
    let stopped = tasks.iter().filter(|task| task.trace_may_go_on());
    let stopped: Vec<Reading> = stopped
        .filter_map(|task| task.id().read())
        .take(MOST)
        .collect();
    if stopped.is_empty() {
        return;
    }
    let mut seen = look_at(&stopped);
    // Ten thousand tasks wait in a handful of ways.
    let mut known = Sharing::default();
    for task in tasks {
        // One that has gone on may wait in something else since.
        if let Some(trace) = seen.remove(&task.id()).filter(|_| task.has_stood_still()) {
            task.go_on(known.share(trace));
        }
    }
}

/// What debug info shows of those that are still alive after they were read: another task may lie where one ended.
fn look_at(tasks: &[Reading]) -> HashMap<TaskId, AwaitTrace> {
    let located = located(tasks);
    let places: Vec<_> = located
        .iter()
        .filter_map(|(task, place)| Some((*place, RuntimeKind::of(task)?)))
        .collect();
    let mut seen: HashMap<u64, AwaitTrace> = match census::look_at(&places) {
        Ok(seen) => seen
            .into_iter()
            .map(|task| (task.id, task.sight.await_trace))
            .collect(),
        // The answers are there nevertheless.
        Err(_) => return HashMap::new(),
    };
    located
        .into_iter()
        .filter(|(task, _)| task.still_alive())
        .filter_map(|(task, (_, id))| Some((task.id, seen.remove(&id)?)))
        .collect()
}

/// Where tokio's header of each task is, and its number, if both are known.
pub(super) fn located(tasks: &[Reading]) -> Vec<(Reading, (u64, u64))> {
    let mut located = Vec::with_capacity(tasks.len());
    pin::with_headers(tasks, |task, header| {
        if task.tokio_id != 0 {
            located.push((*task, (header.addr().get() as u64, task.tokio_id)));
        }
    });
    located
}
