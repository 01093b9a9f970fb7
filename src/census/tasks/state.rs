//! What a task's state word says.

use super::super::SeenState;
use crate::wait::{RuntimeKind, schedule_of};

/// What the word means; whether the task has ended, its cell tells.
pub(in crate::census) fn state_of(word: u64, kind: RuntimeKind) -> SeenState {
    let Some(schedule) = schedule_of(word as usize, kind) else {
        return SeenState::Unknown;
    };
    if schedule.running {
        SeenState::Running
    } else if schedule.complete {
        SeenState::Complete
    } else if schedule.cancelled {
        SeenState::Cancelled
    } else if schedule.notified {
        SeenState::Runnable
    } else if schedule.holders == 0 {
        SeenState::NoWaker
    } else {
        SeenState::Parked
    }
}

/// Whether the task's `JoinHandle` is still there, as far as the word tells.
pub(in crate::census) fn has_join_handle(word: u64, kind: RuntimeKind) -> bool {
    schedule_of(word as usize, kind).is_some_and(|schedule| schedule.join_handle)
}
