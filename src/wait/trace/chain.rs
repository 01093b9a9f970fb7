//! From a captured stack to the chain of `.await`s in it.
//!
//! Whose frame it is, is told by where its source lies, not by names. Of the project's own code every
//! frame is an async function (or hand-written future) that the task is inside of; of another crate
//! that was entered, what counts is the future that the project awaits, which is the outermost frame
//! of that crate's run: what it is made of inside is the crate's own business.

use super::name;
use crate::registry::inquiry::Found;
use crate::stack::{Frame, FrameOrigin};
use crate::wait::AwaitNode;
use std::path::Path;

/// The frames of this library that poll tasks: all that is further out is not the task's.
const POLLERS: [&str; 2] = ["src/task/future.rs", "src/task/assisted.rs"];
/// tokio's futures that poll another one which they were given: where they call, a new run begins.
const ADAPTERS: [&str; 5] = [
    "tokio::time::timeout::Timeout",
    "tokio::task::coop::Coop",
    "tokio::task::coop::unconstrained::Unconstrained",
    "tokio::task::task_local::TaskLocalFuture",
    "tokio::task::local::RunUntil",
];

/// The chain, from the task down to the leaf.
pub(super) fn of(found: &Found) -> Vec<AwaitNode> {
    let mut chain: Vec<&Frame> = Vec::new();
    let frames = inside(found.stack.frames());
    let mut run: Option<&Frame> = None;
    for frame in frames.iter().rev() {
        match frame.origin() {
            FrameOrigin::Std | FrameOrigin::Taskleak => {}
            FrameOrigin::User => {
                run = None;
                if chain
                    .last()
                    .is_some_and(|outer| is_same_await(outer, frame))
                {
                    // The closure that a macro (`select!`, `join!`) polls its branches from.
                    continue;
                }
                chain.push(frame);
            }
            // What a macro of theirs (`select!`, `join!`) wrote into the project's function.
            _ if is_written_in(chain.last().copied(), frame) => run = None,
            FrameOrigin::Tokio | FrameOrigin::Dependency => {
                if run.is_some_and(|entered| is_of_run(entered, frame)) {
                    continue;
                }
                run = Some(frame);
                chain.push(frame);
            }
        }
    }
    chain.into_iter().map(node).collect()
}

/// The frames of the task itself: without the capture's own, and without who polls the task.
fn inside(frames: &[Frame]) -> &[Frame] {
    let is_own = |frame: &Frame| frame.origin() == FrameOrigin::Taskleak;
    let start = frames
        .iter()
        .position(|frame| !is_own(frame))
        .unwrap_or(frames.len());
    let frames = &frames[start..];
    let is_poller = |frame: &Frame| {
        is_own(frame)
            && match frame.file() {
                Some(file) => POLLERS.iter().any(|poller| file.ends_with(poller)),
                None => frame.symbol().contains("TaskFuture"),
            }
    };
    let end = frames.iter().position(is_poller).unwrap_or(frames.len());
    &frames[..end]
}

/// Whether a further frame belongs to what was entered by `entered`.
fn is_of_run(entered: &Frame, frame: &Frame) -> bool {
    if entered.package() != frame.package() || entered.origin() != frame.origin() {
        return false;
    }
    let is_adapter = ADAPTERS
        .iter()
        .any(|adapter| name::is_of_type(entered.function(), adapter));
    !is_adapter || entered.file() == frame.file()
}

/// Whether a frame in another crate's file is of the project's function, by whose frame it was called.
fn is_written_in(outer: Option<&Frame>, frame: &Frame) -> bool {
    outer.is_some_and(|outer| {
        outer.origin() == FrameOrigin::User && outer.function() == frame.function()
    })
}

/// Whether `inner` is a closure inside of what `outer` awaits in the same place.
fn is_same_await(outer: &Frame, inner: &Frame) -> bool {
    outer.function() == inner.function()
        && outer.file() == inner.file()
        && outer.line() == inner.line()
        && inner.symbol().starts_with(outer.symbol())
        && inner.symbol() != outer.symbol()
}

/// Where inside another crate its future awaits is not told: it would keep branches of one future apart.
fn node(frame: &Frame) -> AwaitNode {
    let place = Some(frame).filter(|frame| frame.origin() == FrameOrigin::User);
    AwaitNode {
        function: name::of(frame),
        file: place.and_then(Frame::file).map(Path::to_path_buf),
        line: place.and_then(Frame::line),
        column: place.and_then(Frame::column),
        children: Vec::new(),
    }
}
