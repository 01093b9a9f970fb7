//! The graph.

use super::FlameGraphError;
use crate::export::{TaskStack, stack};
use inferno::flamegraph::{self, Options, color};
use std::collections::BTreeMap;

/// Drawn where there is nothing to draw.
const EMPTY: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"400\" height=\"40\">\
    <text x=\"10\" y=\"25\" font-family=\"monospace\">No tasks to show.</text></svg>\n";

/// The tasks as a flame graph in SVG. From bottom to top: the spawn backtrace, the task's name in
/// brackets, the futures it waits in. Widths are numbers of tasks.
///
/// Takes tasks of a [`Snapshot`](crate::manager::Snapshot) as well as leaks that a test found. Without
/// tasks the graph says so.
///
/// # Errors
/// If inferno, which draws it, can't make anything of the stacks; that would be a mistake of ours.
///
/// # Examples
///
/// Live tasks:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
/// let svg = taskleak::export::flamegraph::svg(taskleak::manager().snapshot().tasks()).unwrap();
/// assert!(svg.contains("[poller]"));
/// # task.abort(); }
/// ```
///
/// Leaks:
///
/// ```
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// use taskleak::{Options, find, verify_none};
///
/// # let guard = verify_none();
/// let task = taskleak::task::Builder::new().name("forgotten").spawn(std::future::pending::<()>());
/// let report = find(Options::new().grace(std::time::Duration::from_millis(10))).unwrap_err();
/// let leaks = report.leaks().iter().flat_map(|leak| leak.tasks());
/// let svg = taskleak::export::flamegraph::svg(leaks).unwrap();
/// assert!(svg.contains("[forgotten]"));
/// # task.abort(); guard.finish().await; }
/// ```
pub fn svg<'a, T: TaskStack + 'a>(
    tasks: impl IntoIterator<Item = &'a T>,
) -> Result<String, FlameGraphError> {
    svg_of(tasks, 0)
}

/// The same, where so many of them were not asked where they wait.
pub(crate) fn svg_of<'a, T: TaskStack + 'a>(
    tasks: impl IntoIterator<Item = &'a T>,
    not_asked: usize,
) -> Result<String, FlameGraphError> {
    // Sorted, so that equal tasks make equal graphs.
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        *counts.entry(folded(task)).or_default() += 1;
    }
    if counts.is_empty() {
        return Ok(EMPTY.to_owned());
    }
    let total: usize = counts.values().sum();
    let lines: Vec<_> = counts
        .iter()
        .map(|(stack, count)| format!("{stack} {count}"))
        .collect();
    let mut options = Options::default();
    options.title = format!("{total} tasks, by how they were spawned and where they wait");
    if not_asked > 0 {
        let subtitle = format!("{not_asked} tasks were not asked where they wait");
        options.subtitle = Some(subtitle);
    }
    options.count_name = "tasks".to_owned();
    options.colors = color::Palette::Multi(color::MultiPalette::Rust);
    options.deterministic = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .map_err(FlameGraphError)?;
    String::from_utf8(svg).map_err(|error| FlameGraphError(std::io::Error::other(error)))
}

/// The stack in a line, outermost first, as inferno takes it.
fn folded(task: &impl TaskStack) -> String {
    let spawned = stack::spawned(task);
    let awaits = task.await_trace().map(stack::awaits).unwrap_or_default();
    let names = spawned.iter().rev().map(|step| printable(&step.function));
    let task_name = format!("[{}]", printable(task.name()));
    let waits = awaits.iter().rev().map(|step| printable(&step.function));
    let steps: Vec<_> = names.chain([task_name]).chain(waits).collect();
    steps.join(";")
}

/// Without what has a meaning in such a line, and without what no XML may hold.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            ';' => ',',
            '\u{FFFE}' | '\u{FFFF}' => ' ',
            _ if character.is_control() => ' ',
            _ => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_xml_may_not_hold_is_blank() {
        let text = "a;b\0c\u{1b}d\u{FFFE}e\u{FFFF}f\u{FFFD}\u{10FFFF}\u{df}";
        assert_eq!(printable(text), "a,b c d e f\u{FFFD}\u{10FFFF}\u{df}");
    }
}
