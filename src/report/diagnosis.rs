//! The lines of a report that say why a task will not end.

use super::leak::Leak;
use crate::wait::Liveness;
use std::fmt;

/// Passes each line, as a key and a value, to `field`.
pub(super) fn write(
    leak: &Leak,
    mut field: impl FnMut(&str, &dyn fmt::Display) -> fmt::Result,
) -> fmt::Result {
    if leak.liveness() == Liveness::Orphan {
        field("proved", &orphan(leak))?;
    }
    Ok(())
}

fn orphan(leak: &Leak) -> String {
    let tasks = leak.tasks().iter();
    let with_handle = tasks.filter(|task| task.has_join_handle()).count();
    let never = if leak.count() == 1 {
        "nobody has a waker of it, so it can never run again"
    } else {
        "nobody has a waker of any of them, so they can never run again"
    };
    match (with_handle, leak.count()) {
        (0, _) => never.to_owned(),
        (1, 1) => format!("{never}; its `JoinHandle`, which is alive, could abort it"),
        (all, count) if all == count => {
            format!("{never}; their `JoinHandle`s, which are alive, could abort them")
        }
        (some, _) => format!("{never}; {some} of them have a `JoinHandle` that could abort them"),
    }
}
