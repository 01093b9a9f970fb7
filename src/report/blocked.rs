//! Where a thread is that a task holds, as reports show it.

use super::leak::Leak;
use super::project;
use crate::registry::TaskInfo;
use crate::registry::function_path;
use crate::stack::{Frame, FrameOrigin};

/// Where std keeps what a person imports from its public modules.
const PRIVATE: [(&str, &str); 5] = [
    ("std::sync::poison::mutex::", "std::sync::"),
    ("std::sync::poison::rwlock::", "std::sync::"),
    ("std::sync::poison::condvar::", "std::sync::"),
    ("std::sync::barrier::", "std::sync::"),
    ("std::thread::functions::", "std::thread::"),
];
/// Frames that are shown.
const MOST_FRAMES: usize = 24;

/// The oldest of the tasks whose thread's stack is known.
pub(super) fn task(leak: &Leak) -> Option<&TaskInfo> {
    let known = |task: &&TaskInfo| !task.blocked_frames().is_empty();
    leak.tasks().iter().find(known)
}

/// Why the stack is not known of any of the tasks, although it was wanted.
pub(super) fn why_unknown(leak: &Leak) -> Option<&'static str> {
    leak.tasks()
        .iter()
        .find_map(TaskInfo::not_told_where_blocked)
}

/// A line of a stack: the function and where it is, if that is in the project.
pub(super) type Line = (String, Option<String>);

/// The lines of a stack, innermost first.
pub(super) fn lines(frames: &[&Frame]) -> Vec<Line> {
    let line = |frame: &&Frame| {
        let is_own = frame.origin() == FrameOrigin::User;
        let place = is_own.then(|| project::place(frame)).flatten();
        (name(frame), place)
    };
    let mut lines: Vec<_> = frames.iter().take(MOST_FRAMES).map(line).collect();
    if let Some(more) = frames.len().checked_sub(MOST_FRAMES + 1) {
        lines.push((format!("... and {} more frames", more + 1), None));
    }
    lines
}

/// The function as a person calls it.
fn name(frame: &Frame) -> String {
    let name = function_path(frame.function());
    let private = PRIVATE
        .iter()
        .find_map(|(private, public)| Some((*public, name.strip_prefix(private)?)));
    match private {
        Some((public, rest)) => format!("{public}{rest}"),
        None => name,
    }
}
