//! Await traces on stable, by one poll with a waker of our own.
//!
//! Whoever wants to know what tasks wait for *asks* them ([`Inquiry`]): each task is marked and woken,
//! and its runtime polls it. That poll ([`poll`](TracedPoll)) hands the future a waker whose data
//! nobody has seen before, so that each leaf future that waits for something takes a new clone of it,
//! and the stack at that moment is the chain of `.await`s that leads to the leaf. What the leaf gets
//! is a clone of the task's real waker: once the poll has returned nothing is left of ours, and no
//! wake has a way to go that it had not before.
//!
//! So to the task it is a spurious wake, which every future must bear: it may even end by it.

mod answers;
mod capture;
mod chain;
mod classify;
mod inquiry;
mod name;
mod raw_trace;
mod traced_poll;
mod tracing_waker;

pub(crate) use answers::Answers;
pub(crate) use chain::inside;
#[allow(unused_imports, reason = "the census's, where there is one")]
pub(crate) use classify::KNOWN;
pub(crate) use classify::{of_seen as waits_for_of, seen_leaves};
pub(crate) use inquiry::Inquiry;
#[allow(unused_imports, reason = "the census's, where there is one")]
pub(crate) use name::as_written;
pub(crate) use raw_trace::{Leaf, RawTrace};
pub(crate) use traced_poll::TracedPoll;
pub(crate) use tracing_waker::real;
