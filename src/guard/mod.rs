//! Guards: what a test is judged by, how they wait, and what they find.
//!
//! To be read in the order of a guard's life. What a person writes: `guard`, `options`, `rule`, `action`. While it is open:
//! `open`, `counted` (tasks that nobody tracked). At its end `row` says how that place can wait, which goes by what is
//! `driven` there, and `settle` waits: with `timer`,
//! with `drain` where the tasks need the very thread, and not at all for those that are `stuck`. `trace` asks what is left,
//! `continued` reads on where the answers end. `judge` says what leaked, and others add to it: `unseen` what the
//! census knows of tasks that nobody tracked, `hooked` and `undecided` what hooks told of, `threads` threads; `deadlock`, `blocked` and
//! `strangers` why it does not end. `concluding`, `abort` and `verdict` tell it.
//!
//! Beside them: `strays` judges at the process's end what no guard answered for, `dump` and `find` look without failing anything.

mod abort;
mod action;
mod asked;
mod asking;
mod blocked;
mod caught;
mod concluding;
mod continued;
mod counted;
mod deadlock;
mod drain;
mod driven;
mod dump;
mod end;
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
mod thread_timer;
mod threads;
mod timer;
mod trace;
mod undecided;
mod unseen;
mod verdict;

pub use action::Action;
pub(crate) use asked::{Asked, answers_of};
pub(crate) use caught::caught;
pub(crate) use continued::continue_traces;
pub(crate) use deadlock::Deadlocks;
pub use dump::{dump, dump_blocking};
pub use find::find;
pub use guard::{Guard, verify_none};
pub(crate) use judge::Judgement;
pub(crate) use judge::{is_tolerated_everywhere, judge};
pub(crate) use open::Open;
pub use options::Options;
pub use rule::Rule;
#[doc(hidden)]
pub use rule::register as register_rule;
pub(crate) use settle::Settling;
pub(crate) use strangers::{Stranger, Strangers};
pub(crate) use strays::{Strays, keep_runtimes};
pub(crate) use thread_timer::ThreadTimer;
pub(crate) use timer::{Timer, clock_is_paused};
pub(crate) use unseen::{Found, Unseen};
