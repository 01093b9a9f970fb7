//! What a thread does that does not come back from a poll.

use super::trace::inside;
use crate::stack::{Frame, FrameOrigin, Stack, user_frames};

/// The frames that a person wants of the stack of a thread that is inside a poll, innermost first: what the
/// task's own code called last, and that code, down to the poll.
pub(crate) fn frames(stack: Stack) -> Vec<&'static Frame> {
    let frames = inside(stack.frames());
    with_called(frames, user_frames(frames))
}

/// Puts before them what the innermost of the task's own code called.
fn with_called(frames: &'static [Frame], users: Vec<&'static Frame>) -> Vec<&'static Frame> {
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

/// The same of a thread that is inside a poll of a task that nobody tracked; none of one that is not, which polls
/// nothing or has given its other tasks to another thread.
pub(crate) fn frames_in_task(stack: Stack) -> Option<Vec<&'static Frame>> {
    let frames = stack.frames();
    let is_scheduler = |frame: &Frame| is_in(frame, "tokio::runtime::scheduler::");
    let inner = &frames[..frames.iter().position(is_scheduler)?];
    let is_poll = |frame: &Frame| is_in(frame, "tokio::runtime::task::");
    let end = inner.iter().rposition(is_poll)?;
    let users = user_frames(&inner[..end]);
    (!users.is_empty()).then(|| with_called(&inner[..end], users))
}

/// Whether the poll there has left its runtime's worker to another thread, by `block_in_place`.
pub(crate) fn gave_its_worker_away(stack: Stack) -> bool {
    const GIVES: &str = "tokio::runtime::scheduler::multi_thread::worker::block_in_place";
    let mut frames = stack.frames().iter();
    frames.any(|frame| is_in(frame, GIVES) || is_in(frame, "tokio::task::blocking::block_in_place"))
}

fn is_in(frame: &Frame, module: &str) -> bool {
    let name = frame.symbol().trim_start_matches('<');
    name.starts_with(module)
}
