//! What tasks wait for, as reports show it.

use super::project;
use super::quantity::Brief;
use crate::registry::{TaskInfo, TaskKind, TaskState};
use crate::wait::{AwaitNode, AwaitTrace, TraceSource};

/// Lines of a trace that are shown.
const MOST_LINES: usize = 40;

/// One line of a trace: its function with the lines of the tree before it, and where it awaits.
type Line = (String, Option<String>);

/// Of a task of which no future took the waker that it was polled with.
pub(super) const NOTHING: &str = "nothing that asked to be woken, such as `std::future::pending`";
/// Of a task in which a future took the waker, but not where that could be seen.
pub(super) const UNSEEN: &str = "unknown: a future asked to be woken, but on another thread, or where its stack could not be read";
/// Of a future that was tracked and not asked.
const NOT_ASKED: &str =
    "unknown: it was given to a spawner that taskleak does not wrap, so nobody can wake it to ask";
/// Of a task that woke itself.
pub(super) const BUSY: &str = "(it wakes itself, so it is not parked: it goes round and round)";

/// Above what debug info shows inside of a future that a poll does not come into.
const FURTHER: &str = "(inside, by debug info:)";
/// Of a trace that is by debug info as a whole.
pub(super) const BY_DEBUG_INFO: &str = "(by debug info)";
/// The same of a task that was asked.
pub(super) const SILENT_BY_DEBUG_INFO: &str =
    "(by debug info: it was woken, and its runtime did not poll it in time)";

/// Of a task that did not answer.
pub(super) fn silent(task: &TaskInfo) -> String {
    match (task.state(), task.last_poll()) {
        (TaskState::Running, Some(begun)) => format!(
            "none: its last poll began {} ago and holds its thread since",
            Brief(begun)
        ),
        (TaskState::Running, None) => "none: its last poll has not returned".to_owned(),
        _ if task.kind() == TaskKind::Future => NOT_ASKED.to_owned(),
        _ => "unknown: it was woken, and its runtime did not poll it in time".to_owned(),
    }
}

/// The lines of a trace, from the task down; and how many more there are.
pub(super) fn lines(trace: &AwaitTrace) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    add(&mut lines, trace.roots(), trace.source(), "");
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    (lines, more)
}

fn add(lines: &mut Vec<Line>, nodes: &[AwaitNode], above: TraceSource, indent: &str) {
    let branches = nodes.len() > 1;
    if nodes.iter().any(|node| node.goes_on_from(above)) {
        lines.push((format!("{indent}{FURTHER}"), None));
    }
    for (at, node) in nodes.iter().enumerate() {
        let is_last = at + 1 == nodes.len();
        let (mark, below) = match (branches, is_last) {
            (false, _) => ("", ""),
            (true, false) => ("├ ", "│ "),
            (true, true) => ("└ ", "  "),
        };
        lines.push((format!("{indent}{mark}{}", node.function()), place(node)));
        let indent = format!("{indent}{below}");
        add(lines, node.children(), node.source(), &indent);
    }
}

/// Where it awaits, if that is in the project.
fn place(node: &AwaitNode) -> Option<String> {
    let file = node.file()?;
    if !project::has(file) {
        return None;
    }
    let mut place = project::relative(&file.to_string_lossy());
    if let Some(line) = node.line() {
        place += &format!(":{line}");
        if let Some(column) = node.column() {
            place += &format!(":{column}");
        }
    }
    Some(place)
}
