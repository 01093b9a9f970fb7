//! Why is a task still alive.

mod state_word;

pub(crate) use state_word::Header;
