//! Putting what debug info tells below an await trace where a poll came no further.
//!
//! A poll shows where wakers are taken. It does not come into a future that its owner polls only once it was woken
//! itself, as `FuturesUnordered` and `Shared` do; there the suspended future's own memory tells more.

use super::{AwaitNode, AwaitTrace, TraceSource};

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

/// Whether anything was added. Where it is not sure which is which, nothing is.
fn continue_all(nodes: &mut [AwaitNode], seen: &[AwaitNode]) -> bool {
    let mut some_added = false;
    let leaves: Vec<AwaitNode> = nodes
        .iter()
        .filter(|node| is_foreign_leaf(node))
        .cloned()
        .collect();
    for node in nodes {
        some_added |= if is_foreign_leaf(node) {
            let same = only(&same_futures(node, seen)).filter(|same| {
                let is_it = |leaf: &&AwaitNode| is_alike(leaf, same);
                leaves.iter().filter(is_it).count() == 1
            });
            node.children =
                same.map_or_else(Vec::new, |same| beyond(same, package(&node.function)));
            !node.children.is_empty()
        } else if node.file.is_some() {
            let same = same_function(node, seen);
            same.is_some_and(|same| continue_all(&mut node.children, &same.children))
        } else {
            // What combines futures may be called differently, or not at all.
            continue_all(&mut node.children, seen)
        };
    }
    some_added
}

/// Whether a trace ends there in another package. What a future of the project's own has inside it need not await.
fn is_foreign_leaf(node: &AwaitNode) -> bool {
    node.children.is_empty() && node.file.is_none()
}

/// The one node that is of the same function: if there are several, of the same line.
fn same_function<'a>(node: &AwaitNode, seen: &'a [AwaitNode]) -> Option<&'a AwaitNode> {
    let found = outermost(seen, &|seen| simple_name(seen) == simple_name(node));
    only(&found).or_else(|| {
        let of_line = found.into_iter().filter(|seen| seen.line == node.line);
        only(&of_line.collect::<Vec<_>>())
    })
}

/// The nodes that may be the same future.
fn same_futures<'a>(node: &AwaitNode, seen: &'a [AwaitNode]) -> Vec<&'a AwaitNode> {
    outermost(seen, &|seen| is_alike(node, seen))
}

/// The nodes of which that is so, and which are in no other of those.
fn outermost<'a>(
    nodes: &'a [AwaitNode],
    is_so: &impl Fn(&AwaitNode) -> bool,
) -> Vec<&'a AwaitNode> {
    let mut found = Vec::new();
    for node in nodes {
        if is_so(node) {
            found.push(node);
        } else {
            found.extend(outermost(&node.children, is_so));
        }
    }
    found
}

fn only<'a>(nodes: &[&'a AwaitNode]) -> Option<&'a AwaitNode> {
    match nodes {
        [only] => Some(only),
        _ => None,
    }
}

/// A poll calls an async block by its function, and a method by its type; debug info may not know either.
fn simple_name(node: &AwaitNode) -> &str {
    let mut path = node.function.as_str();
    while let Some((outer, _)) = path.rsplit_once("::{") {
        path = outer;
    }
    path.rsplit("::").next().unwrap_or(path)
}

/// What a poll calls by its type or by a method of it, and debug info by its type.
fn is_alike(polled: &AwaitNode, seen: &AwaitNode) -> bool {
    let ty = seen.function.rsplit("::").next();
    package(&seen.function) == package(&polled.function)
        && polled.function.split("::").any(|part| Some(part) == ty)
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
        let is_number = |line: &&str| line.parse::<u32>().is_ok();
        let (function, line) = match line.rsplit_once(' ') {
            Some((function, number)) if is_number(&number) => (function, number),
            _ => (line, ""),
        };
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
    fn what_is_called_differently_is_the_same_nevertheless() {
        const INSIDE: &str = "\n    futures_util::stream::Next\n      app::one 9";
        for (polled, seen) in [
            // A block in a function, a block in a block, a method that has no `self`.
            ("app::start", "app::start::{async block}"),
            (
                "app::start::{async block}",
                "app::start::{async block}::{closure}::{async block}",
            ),
            ("app::Conn::run", "app::run"),
        ] {
            check(
                &format!("app::main 3\n  {polled} 7\n    futures_util::stream::Next"),
                &format!("app::main 3\n  {seen} 7{INSIDE}"),
                &format!(
                    " app::main\n   {polled}\n     futures_util::stream::Next\n+      app::one\n"
                ),
            );
        }
    }

    #[test]
    fn below_a_function_that_is_not_found_nothing_is_added() {
        check(
            "app::run 7\n  futures_util::stream::Next",
            "app::other 7\n  futures_util::stream::Next\n    app::one 9",
            "",
        );
    }

    #[test]
    fn what_is_another_type_is_not_taken() {
        check(
            "app::run 7\n  futures_util::stream::Next",
            "app::run 7\n  futures_util::future::JoinAll\n    app::one 9",
            "",
        );
        check(
            "app::run 7\n  futures_util::stream::Next",
            "app::run 7\n  app::one 9",
            "",
        );
    }

    #[test]
    fn two_that_may_be_one_are_neither() {
        check(
            "app::run 7\n  futures_util::stream::Next\n  futures_util::stream::Next::poll_next",
            "app::run 7\n  futures_util::stream::Next\n    app::one 9",
            "",
        );
    }

    #[test]
    fn inside_a_timeout_it_is_found() {
        check(
            "app::run 7\n  tokio::time::Timeout\n    futures_util::stream::Next\n    tokio::time::Sleep",
            "app::run 7\n  tokio::time::Timeout\n    futures_util::stream::Next\n      app::one 9\n    tokio::time::Sleep",
            " app::run\n   tokio::time::Timeout\n     futures_util::stream::Next\n+      app::one\n     tokio::time::Sleep\n",
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
