//! Futures that are polled by a task of their own making: those of a `FuturesUnordered`, which has a waker of its own for
//! each, and by any of them wakes the task that it is in.

use super::super::future::{Reader, Value};
use super::find::inner_of;
use super::known::waker_in;

const SET: &str = "futures_util::stream::futures_unordered::FuturesUnordered";
/// Children of one set that are looked at.
const MOST_CHILDREN: usize = 1 << 10;

/// A set of futures.
pub(super) struct Children {
    /// Of what its children share.
    pub(super) address: u64,
    /// The task that is waked by any: as its waker has it.
    pub(super) waker: Option<u64>,
    pub(super) all: Vec<Child>,
}

/// One of them. Its waker has it as a task's waker has the task's header.
pub(super) struct Child {
    pub(super) cell: Value,
    /// How many wakers of it there are.
    pub(super) holders: Option<usize>,
    /// It was waked and not polled since.
    pub(super) is_queued: bool,
    pub(super) future: Value,
}

impl Children {
    /// Of a value, if it is such a set.
    pub(super) fn of(reader: &mut Reader<'_>, path: &str, value: Value) -> Option<Self> {
        if path.split('<').next() != Some(SET) {
            return None;
        }
        let arc = reader.field(value, "ready_to_run_queue")?;
        let inner = inner_of(reader, arc)?;
        let queue = reader.field(inner, "data")?;
        let waker = reader.field(queue, "waker")?;
        let waker = waker_in(reader, waker, 0);
        // Where in its `Arc` a child lies.
        let stub = reader.field(queue, "stub")?;
        let stub = inner_of(reader, stub)?;
        let offset = reader
            .field(stub, "data")?
            .address
            .checked_sub(stub.address)?;
        let head = reader.field(value, "head_all")?;
        let mut next = inner_of(reader, head);
        let mut all = Vec::new();
        while let Some(cell) = next {
            if all.len() == MOST_CHILDREN {
                return None;
            }
            let counts = cell.address.checked_sub(offset)?;
            // At once, since its parts are read one by one.
            let _ = reader
                .memory
                .bytes(counts, offset.checked_add(cell.ty.size)?);
            let strong = reader.memory.number(counts, 8)?;
            let queued = reader.field(cell, "queued")?;
            all.push(Child {
                cell,
                // The set itself has one.
                holders: strong
                    .checked_sub(1)
                    .and_then(|wakers| usize::try_from(wakers).ok()),
                is_queued: reader.memory.number(queued.address, 1)? != 0,
                future: reader.field(cell, "future")?,
            });
            let link = reader.field(cell, "next_all")?;
            next = inner_of(reader, link);
        }
        Some(Self {
            address: inner.address,
            waker,
            all,
        })
    }
}
