//! What a person (or a program) reads when tasks leaked.

mod awaits;
mod blocked;
mod blocker;
mod diagnosis;
mod dump;
mod fields;
mod frames;
#[cfg(feature = "json")]
mod json;
mod leak;
mod leak_report;
mod leak_text;
mod leaked_thread;
mod note;
mod notes;
mod outlets;
mod owner;
mod paint;
mod particular;
mod project;
mod quantity;
mod sight_text;
mod text;
mod thread_stack;
mod thread_text;
mod unseen;
mod unseen_help;
mod warned;

pub use blocker::Blocker;
pub use dump::Dump;
pub use leak::Leak;
pub use leak_report::LeakReport;
pub(crate) use leak_report::Settled;
pub use leaked_thread::LeakedThread;
pub use owner::Owner;
pub(crate) use thread_stack::ThreadStack;
pub use unseen::{UnseenState, UnseenTask};
pub(crate) use warned::note_warning;

/// Says something in one line that is no verdict: a limit met, a mistake of ours.
pub(crate) fn note(message: impl std::fmt::Display) {
    note::say(&message);
}
