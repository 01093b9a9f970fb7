//! The types of tokio that one task waits at and another keeps.

use super::super::future::{Reader, Value};
use super::find::{inner_of, pointer_in};
use crate::wait::deadlock::{Hold, Source};

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
}

const PATHS: [(&str, Known); 16] = [
    ("tokio::sync::mpsc::chan::Tx", Known::Sender),
    ("tokio::sync::mpsc::chan::Rx", Known::Receiver),
    ("tokio::sync::oneshot::Sender", Known::OneshotSender),
    ("tokio::sync::oneshot::Receiver", Known::OneshotReceiver),
    ("tokio::sync::mutex::MutexGuard", Known::MutexGuard),
    ("tokio::sync::mutex::OwnedMutexGuard", Known::OwnedMutexGuard),
    ("tokio::sync::rwlock::read_guard::RwLockReadGuard", Known::ReadGuard),
    ("tokio::sync::rwlock::write_guard::RwLockWriteGuard", Known::WriteGuard),
    ("tokio::sync::rwlock::owned_read_guard::OwnedRwLockReadGuard", Known::OwnedReadGuard),
    ("tokio::sync::rwlock::owned_write_guard::OwnedRwLockWriteGuard", Known::OwnedWriteGuard),
    ("tokio::sync::semaphore::SemaphorePermit", Known::Permit),
    ("tokio::sync::semaphore::OwnedSemaphorePermit", Known::OwnedPermit),
    ("tokio::sync::batch_semaphore::Acquire", Known::Acquire),
    ("tokio::runtime::task::join::JoinHandle", Known::JoinHandle),
    ("tokio::sync::notify::Notified", Known::Notified),
    ("tokio::sync::notify::OwnedNotified", Known::OwnedNotified),
];

/// The bits of a oneshot channel's state: its receiver waits; there is a value; its end has come.
const RECEIVER_WAITS: u64 = 1;
const VALUE_SENT: u64 = 2;
const CLOSED: u64 = 4;

impl Known {
    pub(super) fn of(path: &str) -> Option<Self> {
        let plain = path.split('<').next().unwrap_or_default();
        PATHS.iter().find(|(path, _)| *path == plain).map(|(_, known)| *known)
    }

    pub(super) fn path(self) -> &'static str {
        PATHS.iter().find(|(_, known)| *known == self).map_or("", |(path, _)| *path)
    }

    /// What its owner keeps from others.
    pub(super) fn hold(self, reader: &mut Reader<'_>, value: Value) -> Option<Hold> {
        let field = |reader: &mut Reader<'_>, name| {
            let field = reader.field(value, name)?;
            reader.number(field)
        };
        Some(match self {
            Self::Sender => Hold::Sender(pointer_in(reader, value)?),
            Self::Receiver => Hold::Receiver(pointer_in(reader, value)?),
            Self::OneshotSender => Hold::OneshotSender(inner_of(reader, value)?.address),
            Self::MutexGuard => {
                let lock = reader.field(value, "lock")?;
                let mutex = reader.target(lock)?;
                permits(reader.field(mutex, "s")?, 1)
            }
            Self::OwnedMutexGuard => permits(behind_lock(reader, value)?, 1),
            Self::ReadGuard => {
                let semaphore = reader.field(value, "s")?;
                permits(reader.target(semaphore)?, 1)
            }
            Self::WriteGuard => {
                let semaphore = reader.field(value, "s")?;
                permits(reader.target(semaphore)?, field(reader, "permits_acquired")?)
            }
            Self::OwnedReadGuard => permits(behind_lock(reader, value)?, 1),
            Self::OwnedWriteGuard => {
                permits(behind_lock(reader, value)?, field(reader, "permits_acquired")?)
            }
            Self::Permit => {
                let semaphore = reader.field(value, "sem")?;
                let semaphore = reader.target(semaphore)?;
                permits(reader.field(semaphore, "ll_sem")?, field(reader, "permits")?)
            }
            Self::OwnedPermit => {
                let arc = reader.field(value, "sem")?;
                let semaphore = inner_of(reader, arc)?;
                let semaphore = reader.field(semaphore, "data")?;
                permits(reader.field(semaphore, "ll_sem")?, field(reader, "permits")?)
            }
            // Of what it asks for it has a part already, if another is to come.
            Self::Acquire => {
                let semaphore = reader.field(value, "semaphore")?;
                let semaphore = reader.target(semaphore)?;
                let node = reader.field(value, "node")?;
                let state = reader.field(node, "state")?;
                let missing = reader.memory.number(state.address, 8)?;
                let had = field(reader, "num_permits")?.checked_sub(missing)?;
                permits(semaphore, (had > 0).then_some(had)?)
            }
            Self::OneshotReceiver | Self::JoinHandle | Self::Notified | Self::OwnedNotified => return None,
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
                let waker = reader.field(chan, "rx_waker")?;
                let source = Source::Message { channel: channel.address, senders };
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
            _ => None,
        }
    }

    /// Where a channel's senders wait for its receiver: the semaphore of a bounded one, and what tells them of its end;
    /// each with the channel.
    pub(super) fn rooms(self, reader: &mut Reader<'_>, value: Value) -> Vec<(u64, u64)> {
        let mut rooms = Vec::new();
        if !matches!(self, Self::Sender | Self::Receiver) {
            return rooms;
        }
        let channel = reader
            .field(value, "inner")
            .and_then(|arc| inner_of(reader, arc));
        let Some(channel) = channel else {
            return rooms;
        };
        if let Some(chan) = reader.field(channel, "data") {
            let room = reader
                .field(chan, "semaphore")
                .and_then(|bounded| reader.field(bounded, "semaphore"));
            let end = reader.field(chan, "notify_rx_closed");
            let places = room.into_iter().chain(end);
            rooms.extend(places.map(|place| (place.address, channel.address)));
        }
        rooms
    }
}

fn permits(semaphore: Value, count: u64) -> Hold {
    Hold::Permits { semaphore: semaphore.address, count }
}

/// The semaphore of the lock behind an owned guard.
fn behind_lock(reader: &mut Reader<'_>, guard: Value) -> Option<Value> {
    let arc = reader.field(guard, "lock")?;
    let inner = inner_of(reader, arc)?;
    let lock = reader.field(inner, "data")?;
    reader.field(lock, "s")
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
