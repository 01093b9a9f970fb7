//! What all tasks wait for, at one moment.

use super::leak::Leak;
use super::leak_text::{LeakText, TASK};
use super::paint::Paint;
use super::quantity::tasks_of;
use crate::config;
use crate::registry::TaskInfo;
use std::fmt;

/// All live tracked tasks of the process and what each waits for, as [`dump`](crate::dump) found them:
/// to a service what a thread dump is to a program with threads.
///
/// Its `Display` puts equal tasks together, as a report of leaks does.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use tokio::sync::mpsc;
///
/// let (sender, mut receiver) = mpsc::channel::<u32>(8);
/// let task = taskleak::spawn(async move { receiver.recv().await });
/// tokio::task::yield_now().await;
/// let dump = taskleak::dump().await;
/// let leaf = "tokio::sync::mpsc::Receiver::recv";
/// assert!(dump.to_string().contains(leaf), "{dump}");
/// # drop(sender); task.await.unwrap(); }
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    groups: Vec<Leak>,
}

impl Dump {
    pub(crate) fn new(tasks: Vec<TaskInfo>) -> Self {
        Self {
            groups: Leak::group(tasks),
        }
    }

    /// How many tasks.
    pub fn task_count(&self) -> usize {
        self.groups.iter().map(Leak::count).sum()
    }

    /// Every task, with its [`await_trace`](TaskInfo::await_trace); those that wait in the same way
    /// together, the biggest groups first.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskInfo> {
        self.groups.iter().flat_map(Leak::tasks)
    }

    /// The tasks, those of the same origin that wait in the same way together; the biggest groups first.
    pub fn groups(&self) -> &[Leak] {
        &self.groups
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alive = tasks_of(self.task_count());
        writeln!(f, "taskleak: {alive} alive")?;
        let style = config::get().style;
        for leak in &self.groups {
            writeln!(f)?;
            LeakText {
                leak,
                paint: Paint::PLAIN,
                style,
                what: TASK,
            }
            .write(f, None)?;
        }
        Ok(())
    }
}
