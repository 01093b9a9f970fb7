//! Tasks that wait for each other.
//!
//! A parked task goes on only if one of its wakers is used. Where as many wakers of it are found in channels, locks and
//! tasks as there are, it is known at what it waits; and who keeps the other half of that, by what was found in the
//! other tasks. What nobody but stuck tasks can reach, nobody else can use: an `Arc` of which as many owners are found
//! as it counts, all of them in stuck tasks or in what only these own, and no `Weak`. Those that only each other could
//! wake are in a deadlock.
//!
//! # Likely, and when proved
//!
//! Who waits for whom by wakers is certain: a waker in a task's trailer is used at that task's end and at no other
//! time. So who joins a task that can never run again, and has no other waker, is *proved* never to run again; and so
//! are tasks that join each other. But who has a task's `JoinHandle` can abort it: it is proved only where the one that
//! joins has the handle for itself, by value and not in an `Arc`, and where that is certain: by drop glue, or as what
//! it awaits. And whoever shuts a runtime down, or drops a `LocalSet`, ends its tasks and so wakes who joins them: it
//! is proved only of tasks in one list, which go together.
//!
//! Who *owns* what is likely and no proof, although it is nearly exact where drop glue can be followed (x86-64,
//! unoptimised code): what dropping a suspended future would drop is what it owns. There an `Arc` of which all owners
//! are found has no others. What remains: raw pointers and lifetimes that unsafe code made longer, a channel's or a
//! semaphore's type that a later tokio uses in another way, and that the tasks are read one after the other while
//! others may run.
//!
//! Where it cannot be followed, the variables are read from debug info, and that errs on both sides. A compiler keeps
//! room across an `.await` for a variable that was borrowed before, even when it has been moved out or dropped since,
//! and its debug info does not tell the two apart: so a task may seem to keep a guard that it gave to a thread. And of
//! two variables of one name in one state, debug info has but one. What was tried against that:
//!
//! - The parameters of an async function are always moved out of where they were captured before anything else happens:
//!   these places are left out, exactly.
//! - Who is seen to be alive and to have it, or to seem so, is believed: then nothing is claimed.
//! - Drop flags lie beside the variables, but only of those that are moved on some ways and not on others, and without
//!   a name that says whose they are.
//! - What a borrow reaches from the awaited leaf is surely alive, but the halves that matter are those nobody borrows.
//!
//! # What is understood
//!
//! Channels (mpsc, oneshot, broadcast, watch), locks, semaphores, `Notify` and what is made of it, joins and sets of
//! them, abort handles; boxes, `Arc`s, `dyn` ones too, vectors, deques, hash and tree maps. What was sent and not
//! received is with whoever has the receiver, and what lies in a watch channel with all who have either half. A
//! `FuturesUnordered` (and so buffered streams) has a waker for each future in it: those are found as if each was a
//! task, and who polls the set can be waked by any of them.
//!
//! A bounded channel's room comes free not only by its receiver: whoever reserved some of it gives that back when he
//! likes. So nothing is said of a sender unless all that was taken of the room is messages in the channel.
//!
//! A read-write lock may have somebody in its queue who is no task, and who has a part of the permits until he gives
//! up: so nothing is said of who waits for one unless all its permits are found.
//!
//! What is not understood counts as owned by nobody that was found, and so as reachable: a message in a broadcast
//! channel, a collection of somebody's own, futures that keep wakers of their own making (such as
//! `Shared`), a thread's stack, a static; of a collection, all but its first 64 elements; what a task owns beyond some
//! thousands of values. That misses deadlocks and invents none.
//!
//! # What it costs
//!
//! To read a task takes about 0.4 ms in an unoptimised build, and to solve it afterwards little: each task is looked at
//! again only where somebody that it depends on was taken out. It is done only for a report of leaks, for at most 1024
//! tasks and for at most a second of its own time; of more, nothing is said but what one task alone tells.

mod facts;
mod finding;
mod index;
mod named;
mod reach;
mod solve;

#[allow(unused_imports, reason = "where there is no census, nobody finds any")]
pub(crate) use facts::{
    Facts, Hold, NO_TASK, Owner, ReadWriteLock, Room, Shared, Source, TaskFacts,
};
pub(crate) use finding::Finding;
pub use finding::OtherHalf;
pub(crate) use solve::solve;
