//! A task's cell: the header, the future, and the links of the list.

use super::super::Unavailable;
use super::super::dwarf::{DebugInfo, Shape, Type, TypeRef, is_constant};
use super::super::future::{of_future, person};
use super::super::memory;
use super::runtime::{HeaderLayout, find_part, first_pointer};
use std::collections::HashMap;
use std::path::PathBuf;

/// What all tasks of one future on one kind of scheduler have in common.
#[derive(Debug)]
pub(in crate::census) struct CellLayout {
    /// What the headers of these cells point at.
    pub(in crate::census) vtable: u64,
    pub(super) prev: u64,
    pub(super) next: u64,
    pub(in crate::census) id: u64,
    /// Of the future; none if its type can't be told.
    pub(in crate::census) future: Option<FutureLayout>,
}

/// Where the future is in its cell, and what is known of it by its type alone.
#[derive(Debug)]
pub(in crate::census) struct FutureLayout {
    pub(in crate::census) cell_size: u64,
    /// Of the enum that holds the future until it has ended, in the cell.
    pub(in crate::census) stage: u64,
    pub(in crate::census) stage_type: &'static Type,
    pub(in crate::census) name: String,
    pub(in crate::census) declared: Option<(PathBuf, u32)>,
    pub(in crate::census) is_wrapped: bool,
    /// Where in the cell its trailer is, and of what type.
    pub(in crate::census) trailer: (u64, &'static Type),
    /// Whether the type says only that it is a future: a box of a `dyn` one.
    pub(in crate::census) is_boxed: bool,
}

/// The cells' layouts, by the vtables that headers point at.
#[derive(Debug, Default)]
pub(in crate::census) struct Cells {
    by_vtable: HashMap<u64, &'static CellLayout>,
    /// Where the links are in a trailer: known from the first cell that is understood, or by the trailer's own type.
    trailer: Option<Trailer>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Trailer {
    prev: u64,
    next: u64,
}

impl Trailer {
    fn read(debug: &mut DebugInfo, trailer: &'static Type) -> Option<Self> {
        let (links, pointers) = find_part(debug, trailer, "PointersInner")?;
        Some(Self {
            prev: links + pointers.field("prev")?.offset,
            next: links + pointers.field("next")?.offset,
        })
    }

    /// By its type, wherever that is described.
    fn find(debug: &mut DebugInfo) -> Option<Self> {
        let trailer = debug.find_type("tokio::runtime::task::core::Trailer")?;
        let trailer = debug.ty(trailer)?;
        Self::read(debug, trailer)
    }
}

/// No task is so large.
const TOO_LARGE: u64 = 1 << 32;

/// Where in a cell a word is, if that can be: what is taken for a vtable may be memory that is anybody's by now.
fn word_at(part: u64, offset: u64) -> Option<u64> {
    let at = part.checked_add(offset)?;
    (at < TOO_LARGE && at.is_multiple_of(8)).then_some(at)
}

/// What a vtable holds.
struct Vtable {
    /// Its functions that are made for one type of future.
    functions: Vec<u64>,
    trailer: u64,
    id: u64,
}

/// The functions of a vtable that tell the future's type. If two disagree, the linker or optimiser has put equal
/// functions together, and neither is to be believed.
const FUNCTIONS: [&str; 4] = ["poll", "dealloc", "try_read_output", "shutdown"];

impl Cells {
    /// Whether it is known how a task of any type leads to the next one.
    pub(super) fn know_links(&self) -> bool {
        self.trailer.is_some()
    }

    /// Learns that without a cell whose type can be read.
    pub(super) fn learn_links(&mut self, debug: &mut DebugInfo) -> Result<(), Unavailable> {
        self.trailer = self.trailer.or_else(|| Trailer::find(debug));
        if self.know_links() {
            Ok(())
        } else {
            Err(Unavailable::new(
                "no crate that was built with debug info spawns a task; where `[profile.dev.package]` sets `debug`, set it \
                 to 2 for the crate that spawns them",
            ))
        }
    }

    pub(in crate::census) fn layout(
        &mut self,
        debug: &mut DebugInfo,
        header: &HeaderLayout,
        vtable: u64,
    ) -> Option<&'static CellLayout> {
        if let Some(known) = self.by_vtable.get(&vtable) {
            return Some(known);
        }
        let layout = self.read(debug, header, vtable)?;
        let layout = &*Box::leak(Box::new(layout));
        self.by_vtable.insert(vtable, layout);
        Some(layout)
    }

    fn read(
        &mut self,
        debug: &mut DebugInfo,
        header: &HeaderLayout,
        vtable: u64,
    ) -> Option<CellLayout> {
        let address = vtable;
        let vtable = Vtable::read(debug, header, address)?;
        let cell = cell_type(debug, &vtable).and_then(|cell| {
            let trailer = cell.field("trailer")?;
            (trailer.offset == vtable.trailer).then_some(cell)
        });
        if let Some(cell) = cell {
            let trailer = debug.ty(cell.field("trailer")?.ty)?;
            self.trailer = Some(Trailer::read(debug, trailer)?);
        }
        let trailer = self.trailer?;
        let (prev, next) = (
            word_at(vtable.trailer, trailer.prev)?,
            word_at(vtable.trailer, trailer.next)?,
        );
        let id = word_at(vtable.id, 0)?;
        // A layout is kept for good, and so none of what was no vtable.
        if cell.is_none() && !is_constant(address) {
            return None;
        }
        Some(CellLayout {
            vtable: address,
            prev,
            next,
            id,
            future: cell.and_then(|cell| FutureLayout::read(debug, cell, vtable.id)),
        })
    }
}

impl Vtable {
    fn read(debug: &mut DebugInfo, header: &HeaderLayout, address: u64) -> Option<Self> {
        let ty = debug.ty(header.vtable_type)?;
        let word = |name: &str| {
            let at = address.checked_add(ty.field(name)?.offset)?;
            memory::read_word(at)
        };
        Some(Self {
            functions: FUNCTIONS.into_iter().filter_map(word).collect(),
            trailer: word("trailer_offset")?,
            id: word("id_offset")?,
        })
    }
}

/// The type of the cells that a vtable is for.
fn cell_type(debug: &mut DebugInfo, vtable: &Vtable) -> Option<&'static Type> {
    let mut cell = None;
    let mut future: Option<&str> = None;
    for address in &vtable.functions {
        let Some(function) = debug.function_at(*address) else {
            continue;
        };
        let types = debug.types_in(function);
        let argument = |name: &str| {
            let found = types.iter().find(|(parameter, _)| parameter == name);
            found.map(|(_, ty)| *ty)
        };
        let (Some(t), Some(s)) = (argument("T"), argument("S")) else {
            continue;
        };
        let path = debug.path(t)?;
        if *future.get_or_insert(path) != path {
            return None;
        }
        if cell.is_none() {
            let harness = types.iter().map(|(_, ty)| *ty).find_map(|ty| {
                let ty = debug.ty(ty).filter(|ty| ty.plain_name() == "Harness")?;
                let pointer = first_pointer(debug, ty)?;
                debug.ty(pointer.ty)
            });
            let is_meant = |cell: &&'static Type| {
                cell.plain_name() == "Cell"
                    && cell.argument("T") == Some(t)
                    && cell.argument("S") == Some(s)
            };
            cell = harness
                .filter(is_meant)
                .or_else(|| debug.types_called(t, "Cell").into_iter().find(is_meant));
        }
    }
    cell
}

impl FutureLayout {
    fn read(debug: &mut DebugInfo, cell: &'static Type, id: u64) -> Option<Self> {
        let core = cell.field("core")?;
        let core_type = debug.ty(core.ty)?;
        // The vtable and the debug info must tell the same.
        if core.offset + core_type.field("task_id")?.offset != id {
            return None;
        }
        let (stage, stage_type) = find_part(debug, core_type, "Stage")?;
        let future = cell.argument("T")?;
        let path = debug.path(future)?;
        let ty = debug.ty(future)?;
        let (name, declared) = describe(debug, ty);
        let trailer = cell.field("trailer")?;
        Some(Self {
            trailer: (trailer.offset, debug.ty(trailer.ty)?),
            cell_size: cell.size,
            stage: core.offset + stage,
            stage_type,
            name,
            declared,
            is_wrapped: is_wrapped(path),
            is_boxed: path.contains("(dyn ") || path.contains("<dyn "),
        })
    }
}

/// Whether a future of this type is one that taskleak wraps around what it tracks. tokio boxes those that are large.
fn is_wrapped(path: &str) -> bool {
    let boxed = path.strip_prefix("core::pin::Pin<alloc::boxed::Box<");
    boxed.unwrap_or(path).starts_with("taskleak::task::")
}

/// What to call a future, and where it is declared.
pub(in crate::census) fn describe(
    debug: &mut DebugInfo,
    future: &'static Type,
) -> (String, Option<(PathBuf, u32)>) {
    let path = debug.path(future.at).unwrap_or("(unknown)");
    let coroutine = coroutine_within(debug, future, 0, &mut HashMap::new());
    let name = match coroutine {
        Some(coroutine) if future.is_coroutine() => of_future(debug, coroutine).to_owned(),
        Some(coroutine) => {
            let name = person(path);
            // What wraps one may be called after it; its own name then tells more than the wrapper's arguments.
            let is_its = debug
                .path(coroutine.at)
                .is_some_and(|path| person(path) == name);
            if is_its {
                of_future(debug, coroutine).to_owned()
            } else {
                name
            }
        }
        None => person(path),
    };
    let declared = coroutine.and_then(|coroutine| declared(debug, coroutine));
    (name, declared)
}

/// Where an async function or block is declared: its first state says so.
fn declared(debug: &mut DebugInfo, coroutine: &Type) -> Option<(PathBuf, u32)> {
    let Shape::Enum { variants, .. } = &coroutine.shape else {
        return None;
    };
    let (file, line) = variants.first()?.place?;
    Some((debug.file(coroutine.at, file)?, line))
}

/// The state machine that a future is or wraps.
fn coroutine_within(
    debug: &mut DebugInfo,
    ty: &'static Type,
    depth: usize,
    looked_into: &mut HashMap<TypeRef, usize>,
) -> Option<&'static Type> {
    if ty.is_coroutine() || depth > 8 {
        return ty.is_coroutine().then_some(ty);
    }
    // A type that many fields lead to is not looked into again, unless from where it reaches further.
    let known = looked_into.entry(ty.at).or_insert(usize::MAX);
    if *known <= depth {
        return None;
    }
    *known = depth;
    let inner: Vec<TypeRef> = match &ty.shape {
        Shape::Pointer(target) => vec![*target],
        Shape::Struct(fields) => fields.iter().map(|field| field.ty).collect(),
        _ => Vec::new(),
    };
    inner.into_iter().find_map(|inner| {
        let inner = debug.ty(inner)?;
        coroutine_within(debug, inner, depth + 1, looked_into)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_cannot_be_in_a_task_are_nowhere() {
        assert_eq!(word_at(64, 8), Some(72));
        for (part, offset) in [(64, 4), (TOO_LARGE, 0), (TOO_LARGE - 8, 8), (u64::MAX, 8)] {
            assert_eq!(word_at(part, offset), None, "{part} {offset}");
        }
    }

    #[test]
    fn what_taskleak_wraps_is_known_in_a_box_too() {
        let wrapped = "taskleak::task::future::TaskFuture<app::{async_fn_env#0}>";
        assert!(is_wrapped(wrapped));
        let boxed = format!("core::pin::Pin<alloc::boxed::Box<{wrapped}, alloc::alloc::Global>>");
        assert!(is_wrapped(&boxed));
        let other =
            "core::pin::Pin<alloc::boxed::Box<app::task::{async_fn_env#0}, alloc::alloc::Global>>";
        assert!(!is_wrapped(other));
    }

    /// A cell whose type can be read and the trailer's own type tell the same, where there are types.
    #[cfg(debug_assertions)]
    #[test]
    fn links_are_learned_without_a_cell() {
        use super::super::runtime::{RuntimeLayout, anchor_address};
        use tokio::runtime::Builder;

        memory::begin();
        let debug = &mut DebugInfo::of_code_at(anchor_address()).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        drop(runtime.spawn(std::future::pending::<()>()));
        let layout = RuntimeLayout::of(debug, runtime.handle()).unwrap();
        let (mut by_type, mut by_cell) = (Cells::default(), Cells::default());
        by_type.learn_links(debug).unwrap();
        // Which of the lists it is in goes by its number.
        let mut heads = layout.lists.iter().map(|list| memory::read_word(list.head));
        let task = heads.find_map(|head| head.filter(|head| *head != 0));
        let task = task.unwrap();
        let vtable = memory::read_word(task + layout.header.vtable).unwrap();
        by_cell.layout(debug, &layout.header, vtable).unwrap();
        assert!(by_type.know_links());
        assert_eq!(by_type.trailer, by_cell.trailer);
    }
}
