//! Bearing panics: a test's own, and those that a mistake of ours causes.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;

/// The output, or what the future panicked with; it is not polled again.
pub(crate) async fn caught<F: Future>(future: F) -> thread::Result<F::Output> {
    let mut future = pin!(future);
    poll_fn(
        |cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

/// What we did on the way to a verdict; none, with a note, if we made a mistake: it must not fail anybody's test.
pub(super) fn ours<T>(work: impl FnOnce() -> T) -> Option<T> {
    noted(catch_unwind(AssertUnwindSafe(work)))
}

/// The same in place.
pub(super) async fn ours_in_place<F: Future>(work: F) -> Option<F::Output> {
    noted(caught(work).await)
}

fn noted<T>(result: thread::Result<T>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(panic) => {
            crate::payload::discard(panic);
            crate::note::say("a guard could not reach its verdict, so it gives none");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mistake_of_ours_is_nobodys_failure() {
        assert_eq!(ours(|| 1), Some(1));
        assert_eq!(ours(|| -> u32 { panic!("a mistake") }), None);
        assert_eq!(ours_in_place(async { 1 }).await, Some(1));
        let wrong = async {
            tokio::task::yield_now().await;
            panic!("a mistake")
        };
        assert_eq!(ours_in_place::<_>(wrong).await, None::<u32>);
    }
}
