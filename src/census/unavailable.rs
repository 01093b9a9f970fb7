//! Why there is no census.

use std::fmt;

/// Why the tasks of a runtime could not be read, with what to do about it, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable {
    reason: String,
    is_passing: bool,
}

impl Unavailable {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_passing: false,
        }
    }

    /// Only at that moment: whoever asks again may be told.
    #[allow(dead_code, reason = "where there is no census, it never comes")]
    pub(super) fn now(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_passing: true,
        }
    }

    #[allow(dead_code, reason = "where there is no census, it never comes")]
    pub(super) fn is_passing(&self) -> bool {
        self.is_passing
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
