//! What a person (or a program) reads when tasks leaked.
//!
//! What there is to tell: `leak_report`, of `leak`s (with their `owner`s), `unseen` tasks, `leaked_thread`s and
//! `blocker`s; `dump` is the same without a verdict. What is said of it: `diagnosis` and `particular` (causes and
//! remedies), `unseen_help`, `notes`. How it is printed: `text` in all, `leak_text`, `sight_text` and `thread_text` a
//! kind each, out of `fields`, `awaits`, `frames`, `quantity`, `paint` and the lines of the `project`; `json` for
//! programs. Where it goes: `outlets`, `warned`.

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
