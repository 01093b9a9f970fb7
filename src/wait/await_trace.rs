//! What a task waits for, as a tree.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a task is suspended: the chain of async functions from the task down to the leaf future it
/// waits on, as a tree, since a `select!` or `join!` waits on several.
///
/// Its `Display` is the tree as reports print it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// async fn wait_for_work(mut work: tokio::sync::mpsc::Receiver<u32>) {
///     work.recv().await;
/// }
///
/// let (_sender, work) = tokio::sync::mpsc::channel(1);
/// let task = taskleak::task::Builder::new().name("worker").spawn(wait_for_work(work));
/// # while taskleak::live_tasks().iter().any(|task| task.name() == "worker" && task.polls() == 0) {
/// #     tokio::task::yield_now().await;
/// # }
/// let dump = taskleak::dump().await;
/// let worker = dump.tasks().find(|task| task.name() == "worker").unwrap();
/// let trace = worker.await_trace().unwrap();
/// assert!(trace.roots()[0].function().ends_with("wait_for_work"));
/// assert!(trace.to_string().contains("Receiver::recv"));
/// # task.abort(); }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwaitTrace {
    source: TraceSource,
    roots: Vec<AwaitNode>,
    wakes_itself: bool,
}

/// How an [`AwaitTrace`] was had.
///
/// # Examples
///
/// ```
/// use taskleak::{AwaitTrace, TraceSource};
///
/// fn has_columns(trace: &AwaitTrace) -> bool {
///     trace.source() == TraceSource::Poll // debug info of a suspended future has lines only
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TraceSource {
    /// The task was polled once, and its leaf futures told where they registered the waker.
    Poll,
    /// The suspended future was read by its debug info.
    Census,
}

impl TraceSource {
    /// A word for programs: `poll`, `census`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::TraceSource::Poll.as_str(), "poll");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Census => "census",
        }
    }
}

/// One async function (or future) of an [`AwaitTrace`], suspended at an `.await`.
///
/// # Examples
///
/// ```
/// use taskleak::AwaitNode;
///
/// /// The innermost futures, which the task really waits for.
/// fn leaves(node: &AwaitNode) -> Vec<&str> {
///     if node.children().is_empty() {
///         return vec![node.function()];
///     }
///     node.children().iter().flat_map(leaves).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwaitNode {
    pub(crate) source: TraceSource,
    pub(crate) function: String,
    /// The whole path of what was read by debug info, where the function's name is a shorter one.
    pub(crate) whole_path: Option<Box<str>>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) children: Vec<AwaitNode>,
}

impl AwaitNode {
    /// The function's name as a person calls it.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The same with all modules, if that is known.
    pub(crate) fn path(&self) -> &str {
        self.whole_path.as_deref().unwrap_or(&self.function)
    }

    /// The source file of the `.await`, as the debug info has it.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line of the `.await`.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The column of the `.await`.
    pub fn column(&self) -> Option<u32> {
        self.column
    }

    /// How this part of the trace was had: below one that was had by a poll there can be some that were read by debug
    /// info, where the poll came no further.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::{AwaitNode, TraceSource};
    ///
    /// fn is_exact(node: &AwaitNode) -> bool {
    ///     node.source() == TraceSource::Poll
    /// }
    /// ```
    pub fn source(&self) -> TraceSource {
        self.source
    }

    /// What it awaits: none for a leaf, several for a `select!` or `join!`.
    pub fn children(&self) -> &[AwaitNode] {
        &self.children
    }

    /// Whether it is the same place: what it awaits may differ.
    fn is_same_place(&self, other: &Self) -> bool {
        self.function == other.function
            && self.file == other.file
            && self.line == other.line
            && self.column == other.column
    }
}

impl AwaitTrace {
    /// Puts chains, each from the task down to one leaf, together where they begin alike.
    pub(crate) fn of_chains(
        source: TraceSource,
        chains: impl IntoIterator<Item = Vec<AwaitNode>>,
    ) -> Self {
        let mut roots = Vec::new();
        for chain in chains {
            let mut level: &mut Vec<AwaitNode> = &mut roots;
            for node in chain {
                let place = level.iter().position(|there| there.is_same_place(&node));
                let place = place.unwrap_or_else(|| {
                    level.push(node);
                    level.len() - 1
                });
                level = &mut level[place].children;
            }
        }
        sort(&mut roots);
        Self {
            source,
            roots,
            wakes_itself: false,
        }
    }

    /// A tree that is one already.
    #[allow(dead_code, reason = "the census's, where there is one")]
    pub(crate) fn of_roots(source: TraceSource, roots: Vec<AwaitNode>) -> Self {
        Self {
            source,
            roots,
            wakes_itself: false,
        }
    }

    /// The same with other futures.
    pub(super) fn with_roots(&self, roots: Vec<AwaitNode>) -> Self {
        Self {
            roots,
            ..self.clone()
        }
    }

    /// The same of a task that woke itself meanwhile, or not.
    pub(crate) fn waking_itself(self, wakes_itself: bool) -> Self {
        Self {
            wakes_itself,
            ..self
        }
    }

    /// Whether the task woke itself when it was polled: it is due again at once, and waits for nothing
    /// but its turn. That is so of a loop around `yield_now`. Never so of a trace by the census.
    pub fn wakes_itself(&self) -> bool {
        self.wakes_itself
    }

    /// How the trace was had. Where a poll came no further, for instance at a `FuturesUnordered`, it can go on by debug
    /// info: [`AwaitNode::source`] tells of each part.
    pub fn source(&self) -> TraceSource {
        self.source
    }

    /// The outermost futures: one, for nearly every task.
    pub fn roots(&self) -> &[AwaitNode] {
        &self.roots
    }

    /// Whether nothing is known. By a poll: no future in the task asked to be woken, and debug info tells nothing more.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// Branches in the order of the source: a `select!` polls them in another order each time.
fn sort(nodes: &mut [AwaitNode]) {
    nodes.sort_by(|one, two| {
        fn place(node: &AwaitNode) -> impl Ord + '_ {
            (&node.file, node.line, node.column, &node.function)
        }
        place(one).cmp(&place(two))
    });
    for node in nodes {
        sort(&mut node.children);
    }
}

impl fmt::Display for AwaitTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn write(f: &mut fmt::Formatter<'_>, nodes: &[AwaitNode], depth: usize) -> fmt::Result {
            for node in nodes {
                write!(f, "{:1$}{2}", "", depth * 2, node.function)?;
                if let (Some(file), Some(line)) = (&node.file, node.line) {
                    write!(f, " at {}:{line}", file.display())?;
                    if let Some(column) = node.column {
                        write!(f, ":{column}")?;
                    }
                }
                writeln!(f)?;
                write(f, &node.children, depth + 1)?;
            }
            Ok(())
        }
        write(f, &self.roots, 0)
    }
}
