//! What a thread does that does not come back from a poll.

use super::trace::inside;
use crate::stack::{Frame, FrameOrigin, Stack, user_frames};

/// The frames that a person wants of the stack of a thread that is inside a poll, innermost first: what the
/// task's own code called last, and that code, down to the poll.
pub(crate) fn frames(stack: Stack) -> Vec<&'static Frame> {
    let frames = inside(stack.frames());
    let users = user_frames(frames);
    let is_user = |frame: &Frame| frame.origin() == FrameOrigin::User;
    let own = frames.iter().position(is_user).unwrap_or(frames.len());
    // The outermost that the own code called. An iterator or a closure's call is no thing to wait in.
    let called = frames[..own].iter().rev().find(|frame| {
        let name = frame.symbol().trim_start_matches('<');
        !["core::", "alloc::"]
            .iter()
            .any(|start| name.starts_with(start))
    });
    let called = called.filter(|called| !users.iter().any(|frame| std::ptr::eq(*frame, *called)));
    called.into_iter().chain(users).collect()
}
