//! Every task as text.

use super::super::stack::{self, Step};
use super::profile::not_asked;
use crate::escaped::escaped;
use crate::manager::{Snapshot, TaskRecord};
use std::fmt;
use std::time::Duration;

/// Its `Display` is every task of a snapshot, oldest first, laid out as Go prints goroutines under
/// `debug=2`: where it waits, then who spawned it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
/// let snapshot = taskleak::manager().snapshot();
/// let dump = taskleak::export::pprof::TextDump::of(&snapshot).to_string();
/// assert!(dump.contains(" [never polled, labels:{\"name\":\"poller\"}]:\ncreated by "));
/// # task.abort(); }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TextDump<'a>(&'a Snapshot);

impl<'a> TextDump<'a> {
    /// Of all the tasks of a snapshot.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::export::pprof::TextDump;
    /// print!("{}", TextDump::of(&taskleak::manager().snapshot()));
    /// ```
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self(snapshot)
    }
}

impl fmt::Display for TextDump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, task) in self.0.tasks().iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write(f, task)?;
        }
        match self.0.not_asked() {
            0 => Ok(()),
            count => writeln!(f, "\n# {}", not_asked(count)),
        }
    }
}

fn write(f: &mut fmt::Formatter<'_>, task: &TaskRecord) -> fmt::Result {
    write!(f, "task {} [{}", task.id(), task.state())?;
    // As in Go's: whole minutes, from the first on.
    let minutes = task.age().as_secs() / Duration::from_secs(60).as_secs();
    if minutes > 0 {
        write!(f, ", {minutes} minutes")?;
    }
    write!(f, ", labels:{{\"name\":{:?}", task.name())?;
    for (key, value) in task.data() {
        write!(f, ",{key:?}:{value:?}")?;
    }
    f.write_str("}]:\n")?;
    for step in task.await_trace().map(stack::awaits).unwrap_or_default() {
        f.write_str(&escaped(&step.function))?;
        end(f, &step)?;
    }
    for (number, step) in stack::spawned(task).into_iter().enumerate() {
        // That of a task above this one is its name, which somebody made up.
        let function = escaped(&step.function);
        match (number, task.parent()) {
            (0, None) => write!(f, "created by {function}")?,
            (0, Some(parent)) => write!(f, "created by {function} in task {parent}")?,
            _ => f.write_str(&function)?,
        }
        end(f, &step)?;
    }
    Ok(())
}

/// The place of a step, where it is known: library code that was inlined has none.
fn end(f: &mut fmt::Formatter<'_>, step: &Step) -> fmt::Result {
    if step.file.is_empty() {
        return f.write_str("\n");
    }
    writeln!(f, "\n\t{}:{}", step.file, step.line)
}
