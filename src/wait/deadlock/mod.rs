//! Tasks that wait for each other.
//!
//! A parked task goes on only if one of its wakers is used. Where as many wakers of it are found in channels, locks and
//! tasks as there are, it is known at what it waits; and who keeps the other half of that, by what was found in the
//! other tasks. What nobody but stuck tasks can reach, nobody else can use: an `Arc` of which as many owners are found as
//! it counts, all of them in stuck tasks or in what only these own, and no `Weak`. Those that only each other could wake
//! are in a deadlock.
//!
//! # Likely, and when proved
//!
//! Who waits for whom by wakers is certain: a waker in a task's trailer is used at that task's end and at no other time.
//! So who joins a task that can never run again, and has no other waker, is *proved* never to run again; and so are tasks
//! that join each other.
//!
//! Who *owns* what is likely and no proof. A compiler keeps room across an `.await` for a variable that was borrowed
//! before, even when it has been moved out since, and its debug info does not tell the two apart. So a task that seems to
//! keep a guard or a sender may have given it to a thread, and then an `Arc`'s owners seem complete and are not. Both
//! errors are possible: a place that was moved out of counts too many, a place that is not understood (a map of
//! somebody's own, a message in a channel, a thread's stack) too few; only the latter is on the safe side.
//!
//! What was tried to tell the two apart, and what came of it:
//!
//! - The parameters of an async function are always moved out of where they were captured before anything else happens:
//!   these places are left out, exactly (the census's `find`).
//! - Who is seen to be alive and to have it, or to seem so, is believed: then nothing is claimed.
//! - Drop flags lie beside the variables, but only of those that are moved on some ways and not on others, and without a
//!   name that says whose they are.
//! - What a borrow reaches from the awaited leaf is surely alive, but the halves that matter are those nobody borrows.
//! - The code that drops a suspended future frees exactly what it owns; to learn that from it one would have to interpret
//!   machine code. That would be a proof, and is not done.

mod facts;
mod finding;
mod solve;

#[allow(unused_imports, reason = "where there is no census, nobody finds any")]
pub(crate) use facts::{Facts, Hold, Owner, Room, Shared, Source, TaskFacts};
pub(crate) use finding::Finding;
pub use finding::OtherHalf;
pub(crate) use solve::solve;
