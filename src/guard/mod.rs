//! Guards: what a test is judged by, how they wait, and what they find.

mod abort;
mod action;
mod asked;
mod asking;
mod blocked;
mod concluding;
mod continued;
mod counted;
mod deadlock;
mod drain;
mod dump;
mod find;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod guard;
mod handles;
pub(crate) mod handover;
mod hooked;
mod judge;
mod open;
mod options;
mod patience;
mod row;
mod rule;
mod settle;
mod sharing;
mod strangers;
mod strays;
mod stuck;
mod threads;
mod timer;
mod trace;
mod undecided;
mod unseen;
mod verdict;

pub use action::Action;
pub(crate) use asked::{Asked, answers_of};
pub(crate) use continued::continue_traces;
pub(crate) use deadlock::Deadlocks;
pub use dump::{dump, dump_blocking};
pub use find::find;
pub use guard::{Guard, verify_none};
pub(crate) use judge::Judgement;
pub(crate) use judge::{is_tolerated_everywhere, judge};
pub(crate) use open::Open;
pub use options::Options;
pub(crate) use row::settle_blocking;
pub use rule::Rule;
#[doc(hidden)]
pub use rule::register as register_rule;
pub(crate) use settle::{Settling, Waited};
pub(crate) use strangers::{Stranger, Strangers};
pub(crate) use strays::{Strays, keep_runtimes};
pub(crate) use timer::Timer;
pub(crate) use unseen::{Found, Unseen};
