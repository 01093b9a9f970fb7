//! From a runtime's handle to the list of its tasks, by the names of types and fields.

use super::super::Unavailable;
use super::super::dwarf::{DebugInfo, Field, Shape, Type, TypeRef};
use super::super::future::{Reader, Snapshot, Value};
use super::super::memory;
use crate::wait::RuntimeKind;
use tokio::runtime::{Handle, RuntimeFlavor};

/// Where a runtime keeps its tasks, and what is needed to go from one to the next.
#[derive(Debug)]
pub(in crate::census) struct RuntimeLayout {
    /// The lists: one a shard.
    pub(super) lists: Vec<Ends>,
    /// What the tasks in them say they belong to.
    pub(super) owner: u64,
    pub(super) header: HeaderLayout,
    pub(in crate::census) kind: RuntimeKind,
}

/// Where the two ends of a list are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) head: u64,
    pub(super) tail: u64,
}

/// Where the fields of a task's header are.
#[derive(Clone, Copy, Debug)]
pub(in crate::census) struct HeaderLayout {
    pub(super) state: u64,
    pub(super) vtable: u64,
    pub(super) owner: u64,
    pub(super) vtable_type: TypeRef,
}

/// Shards of a list that a runtime may have.
const MOST_SHARDS: u64 = 1 << 16;

/// A function whose parameter leads the debug info to everything else.
#[inline(never)]
fn anchor(handle: &Handle) -> u64 {
    std::ptr::from_ref(std::hint::black_box(handle)).addr() as u64
}

/// Its address.
pub(in crate::census) fn anchor_address() -> u64 {
    anchor as *const () as usize as u64
}

fn unknown(what: &str) -> Unavailable {
    Unavailable::new(format!(
        "the debug info does not show {what}: this version of tokio is laid out differently; please report it"
    ))
}

impl RuntimeLayout {
    pub(in crate::census) fn header(&self) -> &HeaderLayout {
        &self.header
    }

    pub(in crate::census) fn of(
        debug: &mut DebugInfo,
        handle: &Handle,
    ) -> Result<Self, Unavailable> {
        let address = anchor(handle);
        let kind = match handle.runtime_flavor() {
            RuntimeFlavor::CurrentThread => RuntimeKind::CurrentThread,
            _ => RuntimeKind::MultiThread,
        };
        let handle = handle_type(debug)?;
        let mut memory = Snapshot::default();
        let reader = &mut Reader {
            debug,
            memory: &mut memory,
        };
        Self::read(reader, handle, address, kind)
    }

    fn read(
        reader: &mut Reader<'_>,
        handle: TypeRef,
        address: u64,
        kind: RuntimeKind,
    ) -> Result<Self, Unavailable> {
        let handle = reader.value(handle, address);
        let inner = handle.and_then(|handle| reader.field(handle, "inner"));
        let scheduler = inner
            .and_then(|inner| reader.parts(inner).into_iter().next())
            .and_then(|(_, arc)| behind_arc(reader, arc))
            .ok_or_else(|| unknown("the scheduler behind a runtime's handle"))?;
        let owned = part(reader, scheduler, "OwnedTasks")
            .ok_or_else(|| unknown("the scheduler's list of tasks"))?;
        let lists = lists(reader, owned).ok_or_else(|| unknown("the lists in `OwnedTasks`"))?;
        let owner = reader
            .field(owned, "id")
            .and_then(|id| reader.number(id))
            .ok_or_else(|| unknown("the id of `OwnedTasks`"))?;
        let header = HeaderLayout::read(reader.debug, lists.header)?;
        Ok(Self {
            lists: lists.ends,
            owner,
            header,
            kind,
        })
    }
}

/// The type of a runtime's handle, from the parameter of [`anchor`].
fn handle_type(debug: &mut DebugInfo) -> Result<TypeRef, Unavailable> {
    let anchor = debug.function_at(anchor_address());
    if let Some(anchor) = anchor {
        let types = debug.types_in(anchor);
        let pointer = types.into_iter().find(|(name, _)| name == "handle");
        if let Some(Shape::Pointer(handle)) = pointer
            .and_then(|(_, ty)| debug.ty(ty))
            .map(|pointer| &pointer.shape)
        {
            return Ok(*handle);
        }
    }
    if let Some(obstacle) = debug.obstacle_at(anchor_address()) {
        return Err(Unavailable::new(obstacle));
    }
    // Where dependencies have no debug info, the crates that use tokio describe its types too.
    if let Some(handle) = debug.find_type("tokio::runtime::handle::Handle") {
        return Ok(handle);
    }
    Err(Unavailable::new(if debug.describes(anchor_address()) {
        format!(
            "the debug info has lines only, and no types; {}",
            super::super::dwarf::REMEDY
        )
    } else {
        "no crate that was built with debug info uses tokio's runtime; where `[profile.dev.package]` sets `debug`, set it to \
         2 for taskleak there"
            .to_owned()
    }))
}

/// What an `Arc` holds.
fn behind_arc(reader: &mut Reader<'_>, arc: Value) -> Option<Value> {
    let pointer = first_pointer(reader.debug, arc.ty)?;
    let address = memory::read_word(arc.address.checked_add(pointer.offset)?)?;
    let inner = reader.value(pointer.ty, address)?;
    reader.field(inner, "data")
}

/// The first pointer in a type: where, and to what.
pub(super) fn first_pointer(debug: &mut DebugInfo, ty: &Type) -> Option<Field> {
    let fields: Vec<&Field> = match &ty.shape {
        Shape::Pointer(target) => {
            return Some(Field::new(String::new(), 0, *target));
        }
        Shape::Struct(fields) => fields.iter().collect(),
        Shape::Enum { variants, .. } => variants.iter().map(|variant| &variant.field).collect(),
        Shape::Array { .. } | Shape::Plain => return None,
    };
    fields.into_iter().find_map(|field| {
        let ty = debug.ty(field.ty)?;
        let within = first_pointer(debug, ty)?;
        Some(Field::new(
            String::new(),
            field.offset + within.offset,
            within.ty,
        ))
    })
}

/// The part of a type, however deep in it by value, whose type is called so: where it is, and its type.
pub(super) fn find_part(
    debug: &mut DebugInfo,
    ty: &'static Type,
    name: &str,
) -> Option<(u64, &'static Type)> {
    // Level by level: what is nearer is meant.
    let mut level = vec![(0, ty)];
    for _ in 0..12 {
        if let Some(found) = level.iter().find(|(_, ty)| ty.plain_name() == name) {
            return Some(*found);
        }
        let mut next = Vec::new();
        for (offset, ty) in level {
            for field in ty.fields() {
                if let Some(part) = debug.ty(field.ty) {
                    next.push((offset + field.offset, part));
                }
            }
        }
        level = next;
    }
    None
}

fn part(reader: &mut Reader<'_>, value: Value, name: &str) -> Option<Value> {
    let (offset, ty) = find_part(reader.debug, value.ty, name)?;
    let address = value.address.checked_add(offset)?;
    Some(Value { ty, address })
}

struct Lists {
    ends: Vec<Ends>,
    header: TypeRef,
}

/// The lists: of each shard, or the one list that older versions have.
fn lists(reader: &mut Reader<'_>, owned: Value) -> Option<Lists> {
    let mut starts = Vec::new();
    let list;
    if let Some(sharded) = part(reader, owned, "ShardedList") {
        let lists = reader.field(sharded, "lists")?;
        let start = reader.field(lists, "data_ptr")?;
        let Shape::Pointer(shard) = start.ty.shape else {
            return None;
        };
        let start = memory::read_word(start.address)?;
        let length = reader.field(lists, "length")?;
        let length = memory::read_word(length.address)?;
        if length > MOST_SHARDS {
            return None;
        }
        let shard = reader.debug.ty(shard)?;
        let (offset, found) = find_part(reader.debug, shard, "LinkedList")?;
        list = found;
        for at in 0..length {
            starts.push(start.checked_add(at * shard.size)?.checked_add(offset)?);
        }
    } else {
        let found = part(reader, owned, "LinkedList")?;
        list = found.ty;
        starts.push(found.address);
    }
    let (head, tail) = (list.field("head")?, list.field("tail")?);
    let end = reader.debug.ty(head.ty)?;
    let header = first_pointer(reader.debug, end)?.ty;
    let ends = starts
        .into_iter()
        .map(|start| {
            Some(Ends {
                head: start.checked_add(head.offset)?,
                tail: start.checked_add(tail.offset)?,
            })
        })
        .collect::<Option<_>>()?;
    (end.size == 8).then_some(Lists { ends, header })
}

impl HeaderLayout {
    /// Where the state word is.
    pub(in crate::census) fn state(&self) -> u64 {
        self.state
    }

    /// Where the pointer to what all tasks of one type have in common is.
    pub(in crate::census) fn vtable(&self) -> u64 {
        self.vtable
    }

    /// Where the number of the list is that the task is in.
    pub(in crate::census) fn owner(&self) -> u64 {
        self.owner
    }

    /// The same without a runtime that leads to it.
    pub(in crate::census) fn of(debug: &mut DebugInfo) -> Result<Self, Unavailable> {
        let handle = handle_type(debug)?;
        // A handle's type leads to it, so both are described in one unit.
        let headers = debug.types_called(handle, "Header");
        let header = headers
            .into_iter()
            .find(|header| debug.path(header.at) == Some("tokio::runtime::task::core::Header"))
            .ok_or_else(|| unknown("a task's header"))?;
        Self::read(debug, header.at)
    }

    fn read(debug: &mut DebugInfo, header: TypeRef) -> Result<Self, Unavailable> {
        Self::fields(debug, header).ok_or_else(|| unknown("the fields of a task's header"))
    }

    fn fields(debug: &mut DebugInfo, header: TypeRef) -> Option<Self> {
        let header = debug.ty(header)?;
        let vtable = header.field("vtable")?;
        let pointer = debug.ty(vtable.ty)?;
        let owner = header.field("owner_id")?;
        let is_word = |debug: &mut DebugInfo, field: &Field| {
            debug.ty(field.ty).is_some_and(|ty| ty.size == 8)
        };
        let Shape::Pointer(vtable_type) = pointer.shape else {
            return None;
        };
        let state = header.field("state")?;
        (header.plain_name() == "Header" && is_word(debug, owner) && is_word(debug, state))
            .then_some(Self {
                state: state.offset,
                vtable: vtable.offset,
                owner: owner.offset,
                vtable_type,
            })
    }
}
