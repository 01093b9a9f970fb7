//! What lies in the collections of the standard library.

use super::super::future::{Reader, Value};
use super::find::{Behind, inner_of, named, pointer_in};

/// Elements of one collection that are looked at.
const MOST_ELEMENTS: u64 = 64;
/// More than there are in one node of a tree, or levels of any.
const MOST_IN_NODE: u64 = 11;
const MOST_BUCKETS: u64 = 1 << 10;

pub(super) fn vector(reader: &mut Reader<'_>, vector: Value) -> Option<Behind> {
    let element = vector.ty.argument("T")?;
    let size = reader.debug.ty(element)?.size;
    let length = reader.field(vector, "len")?;
    let length = reader.number(length)?;
    let start = pointer_in(reader, vector)?;
    let values = (0..length.min(MOST_ELEMENTS))
        .map(|at| reader.value(element, start.checked_add(at * size)?))
        .collect::<Option<_>>()?;
    Some(Behind::owned(values))
}

pub(super) fn deque(reader: &mut Reader<'_>, deque: Value) -> Option<Behind> {
    let element = deque.ty.argument("T")?;
    let size = reader.debug.ty(element)?.size;
    let number = |reader: &mut Reader<'_>, name| {
        let field = reader.field(deque, name)?;
        reader.memory.number(field.address, 8)
    };
    let (head, length) = (number(reader, "head")?, number(reader, "len")?);
    let buffer = reader.field(deque, "buf")?;
    let room = named(reader, buffer, "cap", 0)?;
    let room = reader.memory.number(room.address, 8)?;
    let start = pointer_in(reader, deque)?;
    let values = (0..length.min(MOST_ELEMENTS))
        .map(|at| {
            let at = head.checked_add(at)?;
            let at = if at >= room {
                at.checked_sub(room)?
            } else {
                at
            };
            let offset = at.checked_mul(size)?;
            reader.value(element, start.checked_add(offset)?)
        })
        .collect::<Option<_>>()?;
    Some(Behind::owned(values))
}

/// What lies in a hash table: each bucket below the control bytes, one of which says whether it is taken.
pub(super) fn table(reader: &mut Reader<'_>, table: Value) -> Option<Behind> {
    let element = table.ty.argument("T")?;
    let size = reader.debug.ty(element)?.size;
    let mask = named(reader, table, "bucket_mask", 0)?;
    let mask = reader.number(mask)?;
    let control = named(reader, table, "ctrl", 0)?;
    let control = pointer_in(reader, control)?;
    if mask >= MOST_BUCKETS {
        return None;
    }
    let taken = reader.memory.bytes(control, mask + 1)?.to_vec();
    let values = (1..)
        .zip(taken)
        .filter(|(_, byte)| byte & 0x80 == 0)
        .map(|(at, _): (u64, _)| reader.value(element, control.checked_sub(at * size)?))
        .collect::<Option<_>>()?;
    Some(Behind::Values(values))
}

/// What lies in a tree: each node has its keys and values, and below the leaf that it begins with its children.
pub(super) fn tree(reader: &mut Reader<'_>, map: Value) -> Option<Behind> {
    let types = [map.ty.argument("K")?, map.ty.argument("V")?];
    let root = reader.field(map, "root")?;
    if reader.parts(root).is_empty() {
        return Some(Behind::Nothing);
    }
    let height = named(reader, root, "height", 0)?;
    let height = reader.number(height)?;
    let node = named(reader, root, "node", 0)?;
    let mut nodes = vec![(inner_of(reader, node)?, height)];
    let mut values = Vec::new();
    while let Some((node, height)) = nodes.pop() {
        let length = reader.field(node, "len")?;
        let length = reader.number(length)?;
        if length > MOST_IN_NODE || height > MOST_IN_NODE {
            return None;
        }
        for (ty, name) in types.into_iter().zip(["keys", "vals"]) {
            let start = reader.field(node, name)?.address;
            let size = reader.debug.ty(ty)?.size;
            for at in 0..length {
                values.push(reader.value(ty, start.checked_add(at * size)?)?);
            }
        }
        if values.len() as u64 > MOST_ELEMENTS {
            break;
        }
        let children = node.address.checked_add(node.ty.size)?;
        for at in (0..=length).filter(|_| height > 0) {
            let address = reader.memory.number(children.checked_add(at * 8)?, 8)?;
            nodes.push((Value { address, ..node }, height - 1));
        }
    }
    Some(Behind::Values(values))
}
