//! One stack of a task: from the program's start to the spawn, and on to where the task waits.

use super::task_stack::TaskStack;
use crate::wait::{AwaitNode, AwaitTrace};
use std::path::Path;

/// A line of a stack.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Step {
    pub(super) function: String,
    pub(super) file: String,
    /// 0 where it is not known.
    pub(super) line: u32,
}

impl Step {
    fn new(function: &str, file: Option<&Path>, line: Option<u32>) -> Self {
        Self {
            function: function.to_owned(),
            file: file
                .map(|file| file.display().to_string())
                .unwrap_or_default(),
            line: line.unwrap_or(0),
        }
    }
}

/// How it came to be spawned, innermost first: its spawn backtrace, else the tasks above it.
pub(super) fn spawned(task: &impl TaskStack) -> Vec<Step> {
    let frames = task.user_frames();
    if !frames.is_empty() {
        return frames
            .into_iter()
            .map(|frame| Step::new(frame.function(), frame.file(), frame.line()))
            .collect();
    }
    // Each task above is known by where it was spawned; the code that spawned the first one has no
    // name, so it is called after its place.
    let mut steps = Vec::new();
    let mut spawn_site = task.location();
    for ancestor in task.ancestors() {
        let file = Path::new(spawn_site.file());
        steps.push(Step::new(
            ancestor.name(),
            Some(file),
            Some(spawn_site.line()),
        ));
        spawn_site = ancestor.location();
    }
    let file = Path::new(spawn_site.file());
    let place = format!("{}:{}", spawn_site.file(), spawn_site.line());
    steps.push(Step::new(&place, Some(file), Some(spawn_site.line())));
    steps
}

/// Where it waits, innermost first. A stack has no branches: where a `select!` or `join!` waits for
/// several futures, they are one step together.
pub(super) fn awaits(trace: &AwaitTrace) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut level = trace.roots();
    while let [node] = level {
        steps.push(Step::new(node.function(), node.file(), node.line()));
        level = node.children();
    }
    if !level.is_empty() {
        let functions: Vec<_> = level.iter().map(AwaitNode::function).collect();
        steps.push(Step::new(&functions.join(" | "), None, None));
    }
    steps.reverse();
    steps
}
