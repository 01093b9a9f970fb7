//! What was found in tasks' memory, by addresses.
#![allow(dead_code, reason = "where there is no census, nobody finds any")]

use std::ops::Range;

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) tasks: Vec<TaskFacts>,
    pub(crate) shared: Vec<Shared>,
    /// Who has what others may wait for; each as often as it is there.
    pub(crate) holds: Vec<(Owner, Hold)>,
    /// Who has an `Arc` or `Rc` of which [`Shared`]; each as often as it is there.
    pub(crate) owned: Vec<(Owner, u64)>,
    /// The same of `Weak`s.
    pub(crate) weak: Vec<(Owner, u64)>,
    /// Whose memory is where.
    pub(crate) memory: Vec<(Range<u64>, Owner)>,
    pub(crate) rooms: Vec<Room>,
    /// Where wakers lie, by the header of the task that each wakes.
    pub(crate) sources: Vec<(u64, Source)>,
    /// Sets of tasks that are joined together: each by its address, with the headers.
    pub(crate) sets: Vec<(u64, Vec<u64>)>,
    /// What is known of read-write locks.
    pub(crate) locks: Vec<ReadWriteLock>,
    /// How many permits of a semaphore are with guards of a read-write lock, or with who waits for more of them; by the
    /// semaphore.
    pub(crate) permits: Vec<(u64, u64)>,
    /// Which task certainly has which one's `JoinHandle`, by value: nobody else can abort that one by it.
    pub(crate) joins: Vec<(u64, u64)>,
}

/// The number of what is waked as a task is and is none: a child of a task that polls several futures.
pub(crate) const NO_TASK: u64 = 0;

/// One task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskFacts {
    /// Of its header.
    pub(crate) header: u64,
    /// The number behind [`tokio::task::Id`], or [`NO_TASK`].
    pub(crate) id: u64,
    /// How many wakers and abort handles of it there are. None of one of which nothing can be said.
    pub(crate) holders: Option<usize>,
    /// It is not parked, but was woken. By somebody who only asks it, if it is to be stuck.
    pub(crate) is_queued: bool,
    /// The list of tasks that it is in, by the number that this has in the whole process: a runtime's, or a
    /// `LocalSet`'s. All tasks of one go together when that is shut down. None of what is no task.
    pub(crate) list: Option<u64>,
}

/// What lies behind an `Arc` or `Rc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) address: u64,
    /// How many own it.
    pub(crate) strong: u64,
    /// How many `Weak`s there are, that of all owners together included.
    pub(crate) weak: u64,
}

/// Who owns something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A task, by its header.
    Task(u64),
    /// All who own that [`Shared`].
    Shared(u64),
}

/// Something that others may wait for, by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hold {
    /// One sender of a channel.
    Sender(u64),
    /// What can become one.
    WeakSender(u64),
    /// The receiver of a channel.
    Receiver(u64),
    /// The sender of a oneshot channel.
    OneshotSender(u64),
    /// One sender of a watch channel.
    WatchSender(u64),
    /// One receiver of a watch channel.
    WatchReceiver(u64),
    /// A guard of a lock, which is a semaphore.
    Guard(u64),
    /// Permits of a semaphore, which perhaps is a lock.
    Permits(u64),
    /// What can abort: a task's `JoinHandle`, by that task's header, or a set of tasks.
    Handle(u64),
}

/// Where those wait who wait for all of what others hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// The semaphore or the `Notify`s.
    pub(crate) at: Range<u64>,
    pub(crate) held: Hold,
    /// How many of it there are.
    pub(crate) count: u64,
}

/// A read-write lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadWriteLock {
    /// Its semaphore.
    pub(crate) semaphore: u64,
    /// The permits that nobody has.
    pub(crate) free: u64,
    /// How many permits there are in all; none if that was not seen.
    pub(crate) all: Option<u64>,
}

impl ReadWriteLock {
    /// As many as tokio gives a lock of which nothing else was said.
    pub(crate) const USUAL: u64 = (u32::MAX >> 3) as u64;
}

/// Where a waker lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// In a channel: it is used when a message comes or the last of its senders goes.
    Message {
        channel: u64,
        senders: u64,
        weak: u64,
    },
    /// In a oneshot channel.
    Oneshot(u64),
    /// In the queue of a semaphore or of a `Notify`.
    Queue(u64),
    /// In a task, for its end: that task's header.
    End(u64),
    /// In a set of tasks, for the end of any; or in one of futures, for the next turn of any.
    AnyEnd(u64),
    /// It is no waker but an abort handle, which lies there.
    Abort(u64),
}
