//! Tasks that are known by their number only.

use crate::registry::Scope;
use std::time::Duration;

/// How many tasks are alive on the scope's own runtimes that nobody tracked. Too high for a moment
/// when a task has just ended: a runtime counts that late.
pub(super) fn unseen(scope: &'static Scope) -> usize {
    scope.watched().iter().map(|watched| watched.unseen()).sum()
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
