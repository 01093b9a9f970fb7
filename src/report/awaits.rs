//! What tasks wait for, as reports show it.

use super::project;
use crate::wait::{AwaitNode, AwaitTrace};

/// Lines of a trace that are shown.
const MOST_LINES: usize = 40;

/// One line of a trace: its function with the lines of the tree before it, and where it awaits.
pub(super) struct Line {
    pub(super) function: String,
    pub(super) place: Option<String>,
}

/// The lines of a trace, from the task down; and how many more there are.
pub(super) fn lines(trace: &AwaitTrace) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    add(&mut lines, trace.roots(), "");
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    (lines, more)
}

fn add(lines: &mut Vec<Line>, nodes: &[AwaitNode], indent: &str) {
    let branches = nodes.len() > 1;
    for (at, node) in nodes.iter().enumerate() {
        let is_last = at + 1 == nodes.len();
        let (mark, below) = match (branches, is_last) {
            (false, _) => ("", ""),
            (true, false) => ("├ ", "│ "),
            (true, true) => ("└ ", "  "),
        };
        lines.push(Line {
            function: format!("{indent}{mark}{}", node.function()),
            place: place(node),
        });
        add(lines, node.children(), &format!("{indent}{below}"));
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
