//! Why there is no census.

use std::fmt;

/// Why the tasks of a runtime could not be read, with what to do about it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable(String);

impl Unavailable {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
