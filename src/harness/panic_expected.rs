//! Tests that are to panic, whatever with.

use super::failure::Failure;
use super::harness::{Body, Harness};
use crate::config;
use std::panic::resume_unwind;
use std::pin::Pin;

/// A harness for a `#[should_panic]` without `expected`, which takes any panic for the one that it waits for: a leak's
/// and a timeout's, too. So where the body did not panic, this returns although the test failed, and libtest fails it
/// for that.
#[doc(hidden)]
#[derive(Debug)]
pub struct PanicExpected(pub(super) Harness);

#[allow(
    missing_docs,
    reason = "not public: `#[leak_test]` documents its arguments"
)]
impl PanicExpected {
    #[track_caller]
    pub fn test(self, body: Body<'_, ()>) {
        if self.can_run() {
            returned(self.0.outcome(body));
        }
    }

    pub async fn wrap<F: Future<Output = ()>>(self, body: Pin<Box<F>>, _: impl FnOnce(())) {
        if self.can_run() {
            returned(self.0.outcome_inside(body).await);
        }
    }

    #[track_caller]
    pub fn run_sync(self, body: impl FnOnce(), _: impl FnOnce(())) {
        if self.can_run() {
            returned(self.0.outcome_of(body));
        }
    }

    /// Says what is wrong with the variables, if that is so: it cannot panic with it.
    fn can_run(&self) -> bool {
        match config::checked() {
            Ok(_) => true,
            Err(error) => {
                crate::note::print(&format_args!("taskleak: error: {error}"));
                false
            }
        }
    }
}

fn returned(outcome: Result<(), Failure<()>>) {
    if let Err(Failure::Panic(panic)) = outcome {
        resume_unwind(panic);
    }
}
