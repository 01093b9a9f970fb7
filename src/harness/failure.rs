//! What a test fails with.

use std::any::Any;
use std::panic::resume_unwind;

/// Why a test fails. Reports have been printed.
pub(super) enum Failure<T> {
    /// The body's own panic.
    Panic(Box<dyn Any + Send>),
    /// It took too long.
    TimedOut(String),
    /// Its tasks leaked; what the body returned.
    Leaks(String, T),
}

impl<T> Failure<T> {
    /// Fails the test. What the body returned may be an error of its own, that led to the leak: it
    /// is told first.
    pub(super) fn fail(self, tell: impl FnOnce(T)) -> ! {
        match self {
            Self::Panic(panic) => resume_unwind(panic),
            Self::TimedOut(message) => resume_unwind(Box::new(message)),
            Self::Leaks(message, output) => {
                tell(output);
                resume_unwind(Box::new(message))
            }
        }
    }
}
