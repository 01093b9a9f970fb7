//! From a captured stack to the chain of `.await`s in it.
//!
//! Whose frame it is, is told by where its source lies, not by names. Of the project's own code every
//! frame is an async function (or hand-written future) that the task is inside of; of another crate
//! that was entered, what counts is the future that the project awaits, which is the outermost frame
//! of that crate's run: what it is made of inside is the crate's own business.

use super::name;
use crate::registry::inquiry::Found;
use crate::stack::{Frame, FrameOrigin};
use crate::wait::{AwaitNode, TraceSource};
use std::path::Path;

/// The frames of this library that poll tasks and run blocking closures: all that is further out is not the task's.
const POLLERS: [&str; 3] = [
    "src/task/future.rs",
    "src/task/assisted/cell.rs",
    "src/task/blocking.rs",
];
/// Futures that poll another one which they were given: where they call, a new run begins.
const ADAPTERS: [&str; 3] = [
    "tokio::time::timeout::Timeout",
    "tokio::task::task_local::TaskLocalFuture",
    "tokio::task::local::RunUntil",
];
/// Sources of what is around a future without being one that anybody awaits: what `join!` keeps its
/// branches in, the budget of a poll.
const AROUND: [&str; 4] = [
    "src/future/maybe_done.rs",
    "src/future/poll_fn.rs",
    "src/task/coop/mod.rs",
    "src/task/coop/unconstrained.rs",
];
/// Crates that leaves keep their wakers in.
const PLUMBING: [&str; 2] = ["futures-core", "atomic-waker"];
/// Where tokio keeps the wakers of tasks that only want their next turn, and who calls it: of the one the
/// optimizer may leave no frame.
const DEFER: [&str; 2] = [
    "tokio::runtime::context::defer",
    "tokio::task::yield_now::yield_now",
];

/// The chain, from the task down to the leaf.
pub(super) fn of(found: &Found) -> Vec<AwaitNode> {
    let mut chain: Vec<AwaitNode> = Vec::new();
    let mut run: Option<&Frame> = None;
    let mut user: Option<&Frame> = None;
    let mut in_closure = false;
    for frame in inside(found.stack.frames()).iter().rev() {
        match frame.origin() {
            FrameOrigin::Std => in_closure = name::is_poll_function(frame),
            FrameOrigin::Taskleak => {}
            FrameOrigin::User => {
                run = None;
                // The closure that a macro (`select!`, `join!`) polls its branches from is skipped.
                if !user.is_some_and(|outer| is_same_await(outer, frame)) {
                    chain.push(node(frame, in_closure));
                }
                user = Some(frame);
                in_closure = false;
            }
            // What such a macro wrote into the project's function, as a frame of the macro's file.
            _ if user.is_some_and(|outer| outer.function() == frame.function()) => run = None,
            _ if is_around(frame) => {}
            FrameOrigin::Tokio | FrameOrigin::Dependency => {
                if run.is_some_and(|entered| is_of_run(entered, frame)) || is_plumbing(frame) {
                    continue;
                }
                run = Some(frame);
                chain.push(node(frame, false));
            }
        }
    }
    chain
}

/// Whether the task woke itself there, and waits for nothing but its turn.
pub(super) fn is_own_wake(found: &Found) -> bool {
    found.wakes
        || inside(found.stack.frames()).iter().any(|frame| {
            DEFER
                .iter()
                .any(|defer| frame.function().starts_with(defer))
        })
}

fn is_around(frame: &Frame) -> bool {
    frame
        .file()
        .is_some_and(|file| AROUND.iter().any(|around| file.ends_with(around)))
}

pub(super) fn is_plumbing(frame: &Frame) -> bool {
    let of = |package: &str, name: &str| {
        let version = package.strip_prefix(name);
        version.is_some_and(|version| version.is_empty() || version.starts_with('-'))
    };
    frame
        .package()
        .is_some_and(|package| PLUMBING.iter().any(|name| of(package, name)))
}

/// The frames of the task itself: without the capture's own, and without who polls the task.
pub(crate) fn inside(frames: &[Frame]) -> &[Frame] {
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
    !is_adapter(entered) || entered.file() == frame.file()
}

/// Whether it is of a future that polls another one which it was given.
pub(super) fn is_adapter(frame: &Frame) -> bool {
    ADAPTERS
        .iter()
        .any(|adapter| name::is_of_type(frame.function(), adapter))
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
fn node(frame: &Frame, in_closure: bool) -> AwaitNode {
    let place = Some(frame).filter(|frame| frame.origin() == FrameOrigin::User);
    AwaitNode {
        source: TraceSource::Poll,
        function: name::of(frame, in_closure),
        whole_path: None,
        file: place.and_then(Frame::file).map(Path::to_path_buf),
        line: place.and_then(Frame::line),
        column: place.and_then(Frame::column),
        children: Vec::new(),
    }
}
