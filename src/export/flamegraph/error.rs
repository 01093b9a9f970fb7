//! What can go wrong.

use std::fmt;

/// A flame graph could not be drawn.
#[derive(Debug)]
pub struct FlameGraphError(pub(super) std::io::Error);

impl fmt::Display for FlameGraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the flame graph could not be drawn: {}. The tasks are also listed by `live_tasks()`.",
            self.0
        )
    }
}

impl std::error::Error for FlameGraphError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
