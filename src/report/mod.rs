//! What a person (or a program) reads when tasks leaked.

mod awaits;
mod leak;
mod leak_report;
mod paint;
mod project;
mod text;

pub use leak::Leak;
pub use leak_report::LeakReport;
pub(crate) use leak_report::Settled;

/// Says something in one line that is no verdict: a limit met, a mistake of ours.
pub(crate) fn note(message: impl std::fmt::Display) {
    eprintln!("taskleak: note: {message}");
}
