//! What was sent and not received: it is with whoever has the receiver, and goes with it.

use super::super::dwarf::Shape;
use super::super::future::{Reader, Value};
use super::find::{inner_of, named};
use super::known::{Known, VALUE_SENT};

/// Messages of one channel that are looked at.
const MOST_MESSAGES: usize = 64;
/// Blocks from one message to the next: the receiver's own block may be drained.
const MOST_BLOCKS: usize = 4;

/// What lies in a channel.
pub(super) struct Contents {
    /// Of the channel.
    pub(super) address: u64,
    pub(super) values: Vec<Value>,
}

impl Contents {
    /// What only the owner of this value can take out of its channel, if it is a receiver.
    pub(super) fn of(reader: &mut Reader<'_>, known: Known, value: Value) -> Option<Self> {
        match known {
            Known::Receiver => Self::of_mpsc(reader, value),
            Known::OneshotReceiver => Self::of_oneshot(reader, value),
            _ => None,
        }
    }

    fn of_mpsc(reader: &mut Reader<'_>, receiver: Value) -> Option<Self> {
        let message = receiver.ty.argument("T")?;
        let size = reader.debug.ty(message)?.size;
        let arc = reader.field(receiver, "inner")?;
        let channel = inner_of(reader, arc)?;
        let chan = reader.field(channel, "data")?;
        let fields = reader.field(chan, "rx_fields")?;
        let list = named(reader, fields, "list", 0)?;
        let mut index = next_index(reader, list)?;
        let head = reader.field(list, "head")?;
        let head = inner_of(reader, head)?;
        let mut block = Block::of(reader, head)?;
        let places = reader.field(head, "values")?;
        let room = array_length(reader, places)?;
        let mut values = Vec::new();
        while values.len() < MOST_MESSAGES {
            // The receiver goes on to the next block only when it wants what lies there.
            let Some((that, at)) = block.with(index, room, |block| block.next(reader)) else {
                break;
            };
            block = that;
            let places = reader.field(block.at, "values")?;
            let ready = named(reader, block.at, "ready_slots", 0)?;
            if reader.number(ready)? >> at & 1 == 0 {
                break;
            }
            let place = places.address.checked_add(at.checked_mul(size)?)?;
            values.push(reader.value(message, place)?);
            index = index.checked_add(1)?;
        }
        Some(Self {
            address: channel.address,
            values,
        })
    }

    fn of_oneshot(reader: &mut Reader<'_>, receiver: Value) -> Option<Self> {
        let inner = inner_of(reader, receiver)?;
        let channel = reader.field(inner, "data")?;
        let state = reader.field(channel, "state")?;
        let state = reader.memory.number(state.address, 8)?;
        // Before that, it is being written.
        let value = reader.field(channel, "value");
        let value = value.filter(|_| state & VALUE_SENT != 0);
        Some(Self {
            address: inner.address,
            values: value.into_iter().collect(),
        })
    }
}

/// A part of a channel's list of messages.
#[derive(Clone, Copy)]
struct Block<P> {
    at: P,
    /// The number of its first message.
    first: u64,
}

impl Block<Value> {
    fn of(reader: &mut Reader<'_>, at: Value) -> Option<Self> {
        let first = named(reader, at, "start_index", 0)?;
        let first = reader.number(first)?;
        Some(Self { at, first })
    }

    fn next(self, reader: &mut Reader<'_>) -> Option<Self> {
        let next = named(reader, self.at, "next", 0)?;
        let next = inner_of(reader, next)?;
        Self::of(reader, next)
    }
}

impl<P: Copy> Block<P> {
    /// The block from this one on in which a message lies, and where in it.
    fn with(
        self,
        index: u64,
        room: u64,
        mut next: impl FnMut(Self) -> Option<Self>,
    ) -> Option<(Self, u64)> {
        let mut block = self;
        for _ in 0..MOST_BLOCKS {
            let at = index.checked_sub(block.first)?;
            if at < room {
                return Some((block, at));
            }
            // Words are not all read at one moment, and a block that is drained comes again behind the others: so what
            // was read as one list may be a ring.
            block = next(block).filter(|next| next.first > block.first)?;
        }
        None
    }
}

/// Whether all that senders took of a bounded channel's room is messages in it. If not, somebody has reserved the rest,
/// and gives it back when he likes.
pub(super) fn is_full_of_messages(reader: &mut Reader<'_>, chan: Value) -> Option<bool> {
    let bounded = reader.field(chan, "semaphore")?;
    let bound = reader.field(bounded, "bound")?;
    let bound = reader.number(bound)?;
    let permits = named(reader, bounded, "permits", 0)?;
    // Below it lies whether the semaphore is closed.
    let free = reader.memory.number(permits.address, 8)? >> 1;
    let fields = reader.field(chan, "rx_fields")?;
    let list = named(reader, fields, "list", 0)?;
    let sent = named(reader, chan, "tail_position", 0)?;
    let sent = reader.memory.number(sent.address, 8)?;
    let waiting = sent.checked_sub(next_index(reader, list)?)?;
    Some(waiting.checked_add(free)? == bound)
}

/// Of the next message that is received.
fn next_index(reader: &mut Reader<'_>, list: Value) -> Option<u64> {
    let index = reader.field(list, "index")?;
    reader.number(index)
}

/// How many elements the array has that a value is made of.
fn array_length(reader: &mut Reader<'_>, value: Value) -> Option<u64> {
    let mut value = value;
    for _ in 0..4 {
        match &value.ty.shape {
            Shape::Array { count, .. } => return Some(*count),
            Shape::Struct(_) => (_, value) = reader.parts(value).into_iter().next()?,
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks for a message among blocks that begin so: each leads to the one of which the number is beside it.
    fn found(blocks: &[(u64, usize)], index: u64) -> Option<(usize, u64)> {
        let block = |at: usize| Block {
            at,
            first: blocks[at].0,
        };
        let next = |from: Block<usize>| {
            let next = blocks[from.at].1;
            (next < blocks.len()).then(|| block(next))
        };
        let found = block(0).with(index, 32, next);
        found.map(|(block, at)| (block.at, at))
    }

    #[test]
    fn a_message_is_found_in_its_block() {
        let blocks = [(0, 1), (32, 2), (64, 3)];
        assert_eq!(found(&blocks, 0), Some((0, 0)));
        assert_eq!(found(&blocks, 31), Some((0, 31)));
        assert_eq!(found(&blocks, 65), Some((2, 1)));
        assert_eq!(found(&blocks, 96), None);
        assert_eq!(found(&[(32, 1)], 31), None);
    }

    #[test]
    fn blocks_that_were_used_again_meanwhile_lead_nowhere() {
        for ring in [[(0, 1), (32, 0)], [(32, 1), (32, 0)], [(0, 0), (0, 0)]] {
            assert_eq!(found(&ring, 70), None);
        }
        let many: Vec<_> = (0..100)
            .map(|block| (block as u64 * 32, block + 1))
            .collect();
        assert_eq!(found(&many, 3000), None);
    }
}
