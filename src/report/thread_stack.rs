//! Where a test's own thread is.

use super::blocked;
use crate::stack::Stack;
use crate::{thread, wait};
use std::fmt;

/// Where the thread is that a test runs on, which does not come back from it.
pub(crate) struct ThreadStack(Stack);

impl ThreadStack {
    /// None if it cannot be had.
    pub(crate) fn of(thread: u32) -> Option<Self> {
        thread::stack_of(thread).map(Self)
    }
}

impl fmt::Display for ThreadStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the test's thread is in:")?;
        let lines = blocked::lines(&wait::blocked::frames(self.0));
        let width = lines.iter().map(|(function, _)| function.chars().count());
        let width = width.max().unwrap_or(0).min(48);
        for (function, place) in &lines {
            match place {
                Some(place) => write!(f, "\n    {function:width$}  {place}")?,
                None => write!(f, "\n    {function}")?,
            }
        }
        Ok(())
    }
}
