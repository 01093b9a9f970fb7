//! Waiting for the first of two things.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Resolves with the first of the two.
pub(super) async fn either(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|cx| {
        let one = one.as_mut().poll(cx).is_ready();
        let other = other.as_mut().poll(cx).is_ready();
        if one || other {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
