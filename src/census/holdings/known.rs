//! The types of tokio that one task waits at and another keeps.

use super::super::future::{Reader, Value};
use super::contents::is_full_of_messages;
use super::find::{inner_of, named, pointer_in};
use crate::wait::deadlock::{Hold, ReadWriteLock, Room, Source};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Sender,
    Receiver,
    OneshotSender,
    OneshotReceiver,
    MutexGuard,
    OwnedMutexGuard,
    ReadGuard,
    WriteGuard,
    OwnedReadGuard,
    OwnedWriteGuard,
    Permit,
    OwnedPermit,
    Acquire,
    JoinHandle,
    Notified,
    OwnedNotified,
    WeakSender,
    WatchSender,
    WatchReceiver,
    JoinSet,
    AbortHandle,
    BroadcastSender,
    BroadcastWeakSender,
    BroadcastRecv,
}

const PATHS: [(&str, Known); 25] = [
    ("tokio::sync::mpsc::chan::Tx", Known::Sender),
    ("tokio::sync::mpsc::chan::Rx", Known::Receiver),
    ("tokio::sync::oneshot::Sender", Known::OneshotSender),
    ("tokio::sync::oneshot::Receiver", Known::OneshotReceiver),
    ("tokio::sync::mutex::MutexGuard", Known::MutexGuard),
    (
        "tokio::sync::mutex::OwnedMutexGuard",
        Known::OwnedMutexGuard,
    ),
    (
        "tokio::sync::rwlock::read_guard::RwLockReadGuard",
        Known::ReadGuard,
    ),
    (
        "tokio::sync::rwlock::write_guard::RwLockWriteGuard",
        Known::WriteGuard,
    ),
    (
        "tokio::sync::rwlock::owned_read_guard::OwnedRwLockReadGuard",
        Known::OwnedReadGuard,
    ),
    (
        "tokio::sync::rwlock::owned_write_guard::OwnedRwLockWriteGuard",
        Known::OwnedWriteGuard,
    ),
    ("tokio::sync::semaphore::SemaphorePermit", Known::Permit),
    (
        "tokio::sync::semaphore::OwnedSemaphorePermit",
        Known::OwnedPermit,
    ),
    ("tokio::sync::batch_semaphore::Acquire", Known::Acquire),
    ("tokio::runtime::task::join::JoinHandle", Known::JoinHandle),
    ("tokio::sync::notify::Notified", Known::Notified),
    ("tokio::sync::notify::OwnedNotified", Known::OwnedNotified),
    ("tokio::sync::mpsc::bounded::WeakSender", Known::WeakSender),
    (
        "tokio::sync::mpsc::unbounded::WeakUnboundedSender",
        Known::WeakSender,
    ),
    ("tokio::sync::watch::Sender", Known::WatchSender),
    ("tokio::sync::watch::Receiver", Known::WatchReceiver),
    (
        "tokio::util::idle_notified_set::IdleNotifiedSet",
        Known::JoinSet,
    ),
    (
        "tokio::runtime::task::abort::AbortHandle",
        Known::AbortHandle,
    ),
    ("tokio::sync::broadcast::Sender", Known::BroadcastSender),
    (
        "tokio::sync::broadcast::WeakSender",
        Known::BroadcastWeakSender,
    ),
    ("tokio::sync::broadcast::Recv", Known::BroadcastRecv),
];

/// Tasks of one set that are looked at.
const MOST_JOINED: usize = 256;

/// The bits of a oneshot channel's state: its receiver waits; there is a value; its end has come.
const RECEIVER_WAITS: u64 = 1;
pub(super) const VALUE_SENT: u64 = 2;
const CLOSED: u64 = 4;

impl Known {
    pub(super) fn of(path: &str) -> Option<Self> {
        let plain = path.split('<').next().unwrap_or_default();
        PATHS
            .iter()
            .find(|(path, _)| *path == plain)
            .map(|(_, known)| *known)
    }

    pub(super) fn path(self) -> &'static str {
        PATHS
            .iter()
            .find(|(_, known)| *known == self)
            .map_or("", |(path, _)| *path)
    }

    /// Whether it owns the lock or whatever it is of, which others may own too; of a watch channel, the value in it.
    pub(super) fn has_an_arc(self) -> bool {
        use Known::{
            OwnedMutexGuard, OwnedNotified, OwnedPermit, OwnedReadGuard, OwnedWriteGuard,
            WatchReceiver, WatchSender,
        };
        matches!(
            self,
            OwnedMutexGuard
                | OwnedNotified
                | OwnedPermit
                | OwnedReadGuard
                | OwnedWriteGuard
                | WatchReceiver
                | WatchSender
        )
    }

    /// What its owner keeps from others.
    pub(super) fn hold(self, reader: &mut Reader<'_>, value: Value) -> Option<Hold> {
        Some(match self {
            Self::Sender | Self::BroadcastSender => Hold::Sender(pointer_in(reader, value)?),
            Self::Receiver => Hold::Receiver(pointer_in(reader, value)?),
            Self::OneshotSender => Hold::OneshotSender(inner_of(reader, value)?.address),
            Self::WeakSender | Self::BroadcastWeakSender => {
                Hold::WeakSender(pointer_in(reader, value)?)
            }
            Self::WatchSender => Hold::WatchSender(pointer_in(reader, value)?),
            Self::WatchReceiver => Hold::WatchReceiver(pointer_in(reader, value)?),
            Self::MutexGuard => {
                let lock = reader.field(value, "lock")?;
                let mutex = reader.target(lock)?;
                Hold::Guard(reader.field(mutex, "s")?.address)
            }
            Self::OwnedMutexGuard | Self::OwnedReadGuard | Self::OwnedWriteGuard => {
                Hold::Guard(behind_lock(reader, value)?.address)
            }
            Self::ReadGuard | Self::WriteGuard => {
                let semaphore = reader.field(value, "s")?;
                Hold::Guard(reader.target(semaphore)?.address)
            }
            Self::Permit => {
                let semaphore = reader.field(value, "sem")?;
                let semaphore = reader.target(semaphore)?;
                Hold::Permits(reader.field(semaphore, "ll_sem")?.address)
            }
            Self::OwnedPermit => {
                let arc = reader.field(value, "sem")?;
                let semaphore = inner_of(reader, arc)?;
                let semaphore = reader.field(semaphore, "data")?;
                Hold::Permits(reader.field(semaphore, "ll_sem")?.address)
            }
            // Of what it asks for it has a part already, if another is to come.
            Self::Acquire => {
                let semaphore = reader.field(value, "semaphore")?;
                let semaphore = reader.target(semaphore)?;
                let had = self.permits(reader, value)?;
                Hold::Permits((had > 0).then_some(semaphore.address)?)
            }
            Self::JoinHandle => Hold::Handle(pointer_in(reader, value)?),
            Self::JoinSet => Hold::Handle(inner_of(reader, value)?.address),
            Self::OneshotReceiver
            | Self::AbortHandle
            | Self::Notified
            | Self::OwnedNotified
            | Self::BroadcastRecv => return None,
        })
    }

    /// How many permits of a read-write lock's semaphore it has; of who waits for permits of any, what he has already.
    pub(super) fn permits(self, reader: &mut Reader<'_>, value: Value) -> Option<u64> {
        match self {
            Self::ReadGuard | Self::OwnedReadGuard => Some(1),
            Self::WriteGuard | Self::OwnedWriteGuard => {
                let all = reader.field(value, "permits_acquired")?;
                reader.number(all)
            }
            Self::Acquire => {
                let node = reader.field(value, "node")?;
                let state = reader.field(node, "state")?;
                let missing = reader.memory.number(state.address, 8)?;
                let wanted = reader.field(value, "num_permits")?;
                reader.number(wanted)?.checked_sub(missing)
            }
            _ => None,
        }
    }

    /// The read-write lock that it is a guard of.
    pub(super) fn lock(self, reader: &mut Reader<'_>, value: Value) -> Option<ReadWriteLock> {
        let semaphore = match self {
            Self::ReadGuard | Self::WriteGuard => {
                let semaphore = reader.field(value, "s")?;
                reader.target(semaphore)?
            }
            Self::OwnedReadGuard | Self::OwnedWriteGuard => behind_lock(reader, value)?,
            _ => return None,
        };
        // Who writes has all of them.
        let all = match self {
            Self::WriteGuard | Self::OwnedWriteGuard => self.permits(reader, value),
            Self::OwnedReadGuard => {
                let lock = locked(reader, value);
                let all = lock.and_then(|lock| reader.field(lock, "mr"));
                all.and_then(|all| reader.number(all))
            }
            _ => None,
        };
        let permits = named(reader, semaphore, "permits", 0)?;
        // Below it lies whether the semaphore is closed.
        let free = reader.memory.number(permits.address, 8)? >> 1;
        Some(ReadWriteLock {
            semaphore: semaphore.address,
            free,
            all,
        })
    }

    /// What can wake whom: the address of a task's header, and at what its waker lies. Of a handle, the task's waker that
    /// lies in the awaited task is found by `waker_of`.
    pub(super) fn source(
        self,
        reader: &mut Reader<'_>,
        value: Value,
        waker_of: impl FnOnce(&mut Reader<'_>, u64) -> Option<u64>,
    ) -> Option<(u64, Source)> {
        match self {
            Self::Receiver | Self::Sender => {
                let arc = reader.field(value, "inner")?;
                let channel = inner_of(reader, arc)?;
                let chan = reader.field(channel, "data")?;
                let senders = reader.field(chan, "tx_count")?;
                let senders = reader.memory.number(senders.address, 8)?;
                // Older versions don't count them.
                let weak = match reader.field(chan, "tx_weak_count") {
                    Some(weak) => reader.memory.number(weak.address, 8)?,
                    None => 0,
                };
                let waker = reader.field(chan, "rx_waker")?;
                let source = Source::Message {
                    channel: channel.address,
                    senders,
                    weak,
                };
                Some((waker_in(reader, waker, 0)?, source))
            }
            Self::BroadcastRecv => {
                let receiver = reader.field(value, "receiver")?;
                let receiver = reader.target(receiver)?;
                let arc = reader.field(receiver, "shared")?;
                let channel = inner_of(reader, arc)?;
                let shared = reader.field(channel, "data")?;
                let senders = reader.field(shared, "num_tx")?;
                let senders = reader.memory.number(senders.address, 8)?;
                // Older versions have none.
                let weak = match reader.field(shared, "num_weak_tx") {
                    Some(weak) => reader.memory.number(weak.address, 8)?,
                    None => 0,
                };
                let waiter = reader.field(value, "waiter")?;
                let waker = named(reader, waiter, "waker", 0)?;
                let source = Source::Message {
                    channel: channel.address,
                    senders,
                    weak,
                };
                Some((waker_in(reader, waker, 0)?, source))
            }
            Self::OneshotReceiver => {
                let inner = inner_of(reader, value)?;
                let channel = reader.field(inner, "data")?;
                let state = reader.field(channel, "state")?;
                let state = reader.memory.number(state.address, 8)?;
                if state & RECEIVER_WAITS == 0 || state & (VALUE_SENT | CLOSED) != 0 {
                    return None;
                }
                let waker = reader.field(channel, "rx_task")?;
                Some((waker_in(reader, waker, 0)?, Source::Oneshot(inner.address)))
            }
            Self::Acquire => {
                let semaphore = reader.field(value, "semaphore")?;
                let semaphore = reader.target(semaphore)?.address;
                let node = reader.field(value, "node")?;
                let waker = reader.field(node, "waker")?;
                Some((waker_in(reader, waker, 0)?, Source::Queue(semaphore)))
            }
            Self::Notified | Self::OwnedNotified => {
                let notify = reader.field(value, "notify")?;
                let notify = match self {
                    Self::Notified => reader.target(notify)?,
                    _ => {
                        let inner = inner_of(reader, notify)?;
                        reader.field(inner, "data")?
                    }
                };
                let waiter = reader.field(value, "waiter")?;
                let waker = reader.field(waiter, "waker")?;
                Some((waker_in(reader, waker, 0)?, Source::Queue(notify.address)))
            }
            Self::JoinHandle => {
                let header = pointer_in(reader, value)?;
                Some((waker_of(reader, header)?, Source::End(header)))
            }
            Self::JoinSet => {
                let lists = inner_of(reader, value)?;
                let waker = named(reader, lists, "waker", 0)?;
                Some((waker_in(reader, waker, 0)?, Source::AnyEnd(lists.address)))
            }
            Self::AbortHandle => Some((pointer_in(reader, value)?, Source::Abort(value.address))),
            _ => None,
        }
    }

    /// Where others wait for what is held: of a channel, its senders for room or the receiver's end; of a watch channel,
    /// either half for the other.
    pub(super) fn rooms(self, reader: &mut Reader<'_>, value: Value) -> Vec<Room> {
        let arc = match self {
            Self::Sender | Self::Receiver => "inner",
            Self::WatchSender | Self::WatchReceiver => "shared",
            _ => return Vec::new(),
        };
        let channel = reader
            .field(value, arc)
            .and_then(|arc| inner_of(reader, arc));
        let Some((channel, data)) =
            channel.and_then(|channel| Some((channel.address, reader.field(channel, "data")?)))
        else {
            return Vec::new();
        };
        let room = |at: Value, held, count| Room {
            at: at.address..at.address.saturating_add(at.ty.size.max(1)),
            held,
            count,
        };
        let mut rooms = Vec::new();
        if matches!(self, Self::Sender | Self::Receiver) {
            let semaphore = reader
                .field(data, "semaphore")
                .and_then(|bounded| reader.field(bounded, "semaphore"));
            let end = reader.field(data, "notify_rx_closed");
            // What somebody has reserved comes free without the receiver.
            let full = semaphore.is_some() && is_full_of_messages(reader, data) == Some(true);
            let receivers = if full { 1 } else { u64::MAX };
            rooms.extend(semaphore.map(|at| room(at, Hold::Receiver(channel), receivers)));
            rooms.extend(end.map(|at| room(at, Hold::Receiver(channel), 1)));
            return rooms;
        }
        for (notify, count, held) in [
            ("notify_rx", "ref_count_tx", Hold::WatchSender(channel)),
            ("notify_tx", "ref_count_rx", Hold::WatchReceiver(channel)),
        ] {
            let count = reader.field(data, count);
            // Older versions have but one sender.
            let count = count
                .and_then(|count| reader.memory.number(count.address, 8))
                .unwrap_or(1);
            rooms.extend(
                reader
                    .field(data, notify)
                    .map(|at| room(at, held, count.max(1))),
            );
        }
        rooms
    }

    /// The tasks that are joined together by a set: its address, and their headers.
    pub(super) fn joined(self, reader: &mut Reader<'_>, value: Value) -> Option<(u64, Vec<u64>)> {
        if self != Self::JoinSet {
            return None;
        }
        let lists = inner_of(reader, value)?;
        let mut headers = Vec::new();
        for list in ["idle", "notified"] {
            let list = named(reader, lists, list, 0)?;
            let head = reader.field(list, "head")?;
            let mut next = inner_of(reader, head);
            while let Some(entry) = next {
                let handle = reader.field(entry, "value")?;
                headers.push(pointer_in(reader, handle)?);
                if headers.len() > MOST_JOINED {
                    return None;
                }
                let link = named(reader, entry, "next", 0)?;
                next = inner_of(reader, link);
            }
        }
        Some((lists.address, headers))
    }
}

/// The semaphore of the lock behind an owned guard.
fn behind_lock(reader: &mut Reader<'_>, guard: Value) -> Option<Value> {
    let lock = locked(reader, guard)?;
    reader.field(lock, "s")
}

/// The lock itself.
fn locked(reader: &mut Reader<'_>, guard: Value) -> Option<Value> {
    let arc = reader.field(guard, "lock")?;
    let inner = inner_of(reader, arc)?;
    reader.field(inner, "data")
}

/// The task whose waker lies in a value: the address of its header.
pub(super) fn waker_in(reader: &mut Reader<'_>, value: Value, depth: usize) -> Option<u64> {
    if value.ty.plain_name() == "RawWaker" {
        let data = reader.field(value, "data")?;
        let data = reader.memory.number(data.address, 8)?;
        return (data != 0).then_some(data);
    }
    if depth > 8 {
        return None;
    }
    let parts = reader.parts(value);
    parts
        .into_iter()
        .find_map(|(_, part)| waker_in(reader, part, depth + 1))
}
