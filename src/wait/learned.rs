//! What is learned of tokio once and for all, unless something keeps one from it.

use std::sync::OnceLock;
use std::sync::{Mutex, PoisonError};

/// How often is tried anew to learn something: what kept one from it may last.
const MOST_FAILURES: u32 = 3;

/// An answer that cannot change once it was had.
pub(super) struct Learned<T> {
    answer: OnceLock<T>,
    /// How often it was not to be had. Held while one tries.
    failures: Mutex<u32>,
}

/// Nothing was learned: the machine had no thread to give, or did not come to it in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failed;

impl<T: Copy> Learned<T> {
    pub(super) const fn new() -> Self {
        Self {
            answer: OnceLock::new(),
            failures: Mutex::new(0),
        }
    }

    /// The answer; none if it is not to be had now.
    pub(super) fn get(&self, learn: impl FnOnce() -> Result<T, Failed>) -> Option<T> {
        if let Some(answer) = self.answer.get() {
            return Some(*answer);
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = self.answer.get() {
            return Some(*answer);
        }
        if *failures == MOST_FAILURES {
            return None;
        }
        match learn() {
            Ok(answer) => Some(*self.answer.get_or_init(|| answer)),
            Err(Failed) => {
                *failures += 1;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_stays() {
        let learned = Learned::new();
        for _ in 0..2 * MOST_FAILURES {
            assert_eq!(learned.get(|| Ok(7)), Some(7));
        }
        assert_eq!(learned.get(|| Ok(8)), Some(7));
        assert_eq!(learned.get(|| Err(Failed)), Some(7));
    }

    #[test]
    fn a_failure_does_not() {
        let learned = Learned::new();
        for _ in 1..MOST_FAILURES {
            assert_eq!(learned.get(|| Err(Failed)), None);
        }
        assert_eq!(learned.get(|| Ok(7)), Some(7));
    }

    #[test]
    fn what_fails_again_and_again_is_let_be() {
        let learned = Learned::<u32>::new();
        let mut tried = 0;
        for _ in 0..2 * MOST_FAILURES {
            learned.get(|| {
                tried += 1;
                Err(Failed)
            });
        }
        assert_eq!(tried, MOST_FAILURES);
    }
}
