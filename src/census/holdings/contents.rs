//! What was sent and not received: it is with whoever has the receiver, and goes with it.

use super::super::dwarf::Shape;
use super::super::future::{Reader, Value};
use super::find::{inner_of, named};
use super::known::{Known, VALUE_SENT};

/// Messages of one channel that are looked at.
const MOST_MESSAGES: usize = 64;

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
        let mut block = inner_of(reader, head)?;
        let mut values = Vec::new();
        while values.len() < MOST_MESSAGES {
            let places = reader.field(block, "values")?;
            let room = array_length(reader, places)?;
            let first = named(reader, block, "start_index", 0)?;
            let first = reader.number(first)?;
            // The receiver goes on to the next block only when it wants what lies there.
            let Some(at) = index.checked_sub(first).filter(|at| *at < room) else {
                let next = named(reader, block, "next", 0)?;
                match inner_of(reader, next) {
                    Some(next) if next.address != block.address => block = next,
                    _ => break,
                }
                continue;
            };
            let ready = named(reader, block, "ready_slots", 0)?;
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
