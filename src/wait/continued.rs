//! Putting what debug info tells below an await trace where a poll came no further.
//!
//! A poll shows where wakers are taken. It does not come into a future that its owner polls only once it was woken itself,
//! as `FuturesUnordered` and `Shared` do; there the suspended future's own memory tells more.

use super::{AwaitNode, AwaitTrace, TraceSource};
use std::collections::VecDeque;

impl AwaitTrace {
    /// The same trace, going on by what was `seen` of the same task; none if there is no more to tell.
    pub(crate) fn continued_by(&self, seen: &Self) -> Option<Self> {
        if self.is_empty() {
            return (!seen.is_empty()).then(|| seen.clone());
        }
        let mut roots = self.roots().to_vec();
        continue_all(&mut roots, seen.roots()).then(|| self.with_roots(roots))
    }
}

/// Whether anything was added.
fn continue_all(nodes: &mut [AwaitNode], seen: &[AwaitNode]) -> bool {
    let mut some_added = false;
    for node in nodes {
        some_added |= if !node.children.is_empty() {
            // What combines futures may be called differently, or not at all.
            let same = same_function(node, seen);
            continue_all(&mut node.children, same.map_or(seen, AwaitNode::children))
        } else if node.file.is_some() {
            // A future of the project's own: what it has inside it need not await.
            false
        } else {
            let same = same_future(node, seen);
            node.children =
                same.map_or_else(Vec::new, |same| beyond(same, package(&node.function)));
            !node.children.is_empty()
        };
    }
    some_added
}

/// The outermost node of the same function, if possible at the same line.
fn same_function<'a>(node: &AwaitNode, seen: &'a [AwaitNode]) -> Option<&'a AwaitNode> {
    let mut next: VecDeque<&AwaitNode> = seen.iter().collect();
    let mut of_function = None;
    while let Some(seen) = next.pop_front() {
        if seen.function == node.function {
            if seen.line == node.line {
                return Some(seen);
            }
            of_function.get_or_insert(seen);
        } else {
            next.extend(&seen.children);
        }
    }
    of_function
}

/// What a poll calls as it is imported, and debug info by its whole path: the only one there is, or the only one of that
/// type.
fn same_future<'a>(node: &AwaitNode, seen: &'a [AwaitNode]) -> Option<&'a AwaitNode> {
    if let [only] = seen {
        return Some(only);
    }
    let is_alike = |seen: &&AwaitNode| {
        let ty = seen.function.rsplit("::").next();
        package(&seen.function) == package(&node.function)
            && node.function.split("::").any(|part| Some(part) == ty)
    };
    let mut alike = seen.iter().filter(is_alike);
    alike.next().filter(|_| alike.next().is_none())
}

/// What is inside a future of a package and not of that package: how it is made inside is its own business.
fn beyond(node: &AwaitNode, of: &str) -> Vec<AwaitNode> {
    if package(&node.function) != of {
        return vec![node.clone()];
    }
    let mut found: Vec<AwaitNode> = Vec::new();
    for child in node.children.iter().flat_map(|child| beyond(child, of)) {
        if !found.contains(&child) {
            found.push(child);
        }
    }
    found
}

fn package(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

impl AwaitNode {
    /// Whether this is the first that was read by debug info, below one that answered a poll.
    pub(crate) fn goes_on_from(&self, above: TraceSource) -> bool {
        self.source == TraceSource::Census && above == TraceSource::Poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn node(source: TraceSource, line: &str, children: Vec<AwaitNode>) -> AwaitNode {
        let (function, line) = line.split_once(' ').unwrap_or((line, ""));
        AwaitNode {
            source,
            function: function.to_owned(),
            whole_path: None,
            file: (!line.is_empty()).then(|| "src/app.rs".into()),
            line: line.parse().ok(),
            column: None,
            children,
        }
    }

    /// A tree out of lines that are indented by two blanks a step.
    fn trace(source: TraceSource, text: &str) -> AwaitTrace {
        fn nodes<'a>(
            source: TraceSource,
            lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
            depth: usize,
        ) -> Vec<AwaitNode> {
            let mut found = Vec::new();
            while let Some(line) = lines.peek().copied() {
                if line.len() - line.trim_start().len() != depth * 2 {
                    break;
                }
                lines.next();
                let children = nodes(source, lines, depth + 1);
                found.push(node(source, line.trim_start(), children));
            }
            found
        }
        let mut lines = text.lines().peekable();
        AwaitTrace::of_roots(source, nodes(source, &mut lines, 0))
    }

    /// The tree as text, where debug info goes on with a `+`.
    fn text(nodes: &[AwaitNode], depth: usize) -> String {
        let line = |node: &AwaitNode| {
            let mark = match node.source {
                TraceSource::Poll => ' ',
                TraceSource::Census => '+',
            };
            let below = text(&node.children, depth + 1);
            format!("{mark}{:1$}{2}\n{below}", "", depth * 2, node.function)
        };
        nodes.iter().map(line).collect()
    }

    #[track_caller]
    fn check(polled: &str, seen: &str, all: &str) {
        let polled = trace(TraceSource::Poll, polled);
        let seen = trace(TraceSource::Census, seen);
        let continued = polled.continued_by(&seen);
        let continued = continued.map(|trace| text(trace.roots(), 0));
        assert_eq!(continued.unwrap_or_default(), all);
    }

    #[test]
    fn a_trace_that_is_empty_is_what_was_seen() {
        check(
            "",
            "app::run 7\n  core::future::pending::Pending",
            "+app::run\n+  core::future::pending::Pending\n",
        );
    }

    #[test]
    fn a_trace_that_came_to_its_leaf_is_not_continued() {
        check(
            "app::run 7\n  tokio::sync::Mutex::lock",
            "app::run 7\n  tokio::sync::mutex::Mutex::lock\n    tokio::sync::batch_semaphore::Acquire",
            "",
        );
        check(
            "app::run 7\n  app::Leaf 9",
            "app::run 7\n  app::Leaf\n    tokio::time::sleep::Sleep",
            "",
        );
    }

    #[test]
    fn futures_inside_another_package_s_are_added() {
        check(
            "app::run 7\n  futures_util::stream::Next",
            "app::run 7\n  futures_util::stream::stream::next::Next\n    app::one 9\n      tokio::time::sleep::Sleep\n    app::two 12",
            " app::run\n   futures_util::stream::Next\n+    app::one\n+      tokio::time::sleep::Sleep\n+    app::two\n",
        );
    }

    #[test]
    fn each_branch_is_continued_by_its_own() {
        check(
            "app::run 7\n  app::left 20\n    futures_util::future::Shared\n  tokio::time::Sleep",
            "app::run 3\n  tokio::time::sleep::Sleep\n  app::left 20\n    futures_util::future::future::shared::Shared\n      tokio::sync::oneshot::Receiver",
            " app::run\n   app::left\n     futures_util::future::Shared\n+      tokio::sync::oneshot::Receiver\n   tokio::time::Sleep\n",
        );
    }

    #[test]
    fn of_two_that_it_may_be_neither_is_taken() {
        check(
            "app::run 7\n  futures_util::stream::Next",
            "app::run 7\n  futures_util::stream::stream::next::Next\n    app::one 9\n  futures_util::stream::stream::next::Next\n    app::two 9",
            "",
        );
    }
}
