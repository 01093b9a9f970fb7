//! Walking all that a suspended future may own.

use super::super::dwarf::{Field, Shape, Type};
use super::super::future::{Reader, Value};
use super::children::Children;
use super::collections;
use super::contents::Contents;
use super::known::Known;
use super::machine::calls;
use crate::wait::deadlock::{Owner, Shared};
use std::collections::HashSet;
use std::ops::Range;

const MOST_STEPS: usize = 1 << 13;
const DEEPEST: usize = 64;
/// How often to look at the clock: a step may follow a function of some thousand instructions.
const STEPS_BETWEEN_LOOKS: usize = 16;

/// What lies in a future, wherever it owns it by value or by a box, a collection or an `Arc`.
///
/// A compiler keeps room across an `.await` also for variables that were moved out of: what is found is kept there or
/// was.
#[derive(Default)]
pub(super) struct Found {
    /// What of tokio's there is, who owns it, and how certain it is to be there still.
    pub(super) known: Vec<(Owner, Known, Value, Presence)>,
    /// The `Arc`s and `Rc`s: who owns each, where it is, and what is behind it.
    pub(super) owned: Vec<(Owner, u64, u64)>,
    /// The same of `Weak`s.
    pub(super) weak: Vec<(Owner, u64, u64)>,
    pub(super) shared: Vec<Shared>,
    pub(super) memory: Vec<(Range<u64>, Owner)>,
    pub(super) children: Vec<Children>,
    /// Where taskleak's own wakers of the task point, with which guards polled it, and how many of them there are.
    pub(super) own_wakers: Vec<(u64, u64)>,
}

/// Whether what lies at a place may have been moved out of there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Certain,
    /// It is in a variable of a suspended future whose drop glue could not be followed.
    Likely,
}

/// Walks the future of a task, as long as there is time.
pub(super) fn find(
    reader: &mut Reader<'_>,
    future: Value,
    task: Owner,
    is_too_long: &dyn Fn() -> bool,
) -> Found {
    let mut walk = Walk {
        reader,
        is_too_long,
        seen: HashSet::new(),
        steps: 0,
        presence: Presence::Certain,
        found: Found::default(),
    };
    walk.value(future, task, 0);
    walk.found
}

struct Walk<'a, 'b> {
    reader: &'a mut Reader<'b>,
    is_too_long: &'a dyn Fn() -> bool,
    seen: HashSet<(u64, &'static str)>,
    steps: usize,
    /// Of what is walked through now.
    presence: Presence,
    found: Found,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: Value, owner: Owner, depth: usize) {
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_BETWEEN_LOOKS) && (self.is_too_long)() {
            self.steps = MOST_STEPS;
        }
        if depth > DEEPEST || self.steps >= MOST_STEPS || matches!(value.ty.shape, Shape::Plain) {
            return;
        }
        let path = self.reader.debug.path(value.ty.at).unwrap_or_default();
        if let Some(known) = Known::of(path) {
            if self.seen.insert((value.address, known.path())) {
                self.found.known.push((owner, known, value, self.presence));
                if known.has_an_arc() {
                    self.parts(value, owner, depth);
                }
                if let Some(contents) = Contents::of(self.reader, known, value) {
                    self.contents(contents, value.address, owner, depth);
                }
            }
            return;
        }
        // A runtime's own parts lead to all its tasks.
        if path.starts_with("tokio::runtime::") {
            return;
        }
        if let Some(children) = Children::of(self.reader, path, value) {
            self.children(children, value.address, owner, depth);
            return;
        }
        match self.behind(value) {
            Behind::Nothing => {}
            Behind::Values(values) => {
                for value in values {
                    self.once(value, owner, depth);
                }
            }
            Behind::Owned(range, values) => {
                self.found.memory.push((range, owner));
                for value in values {
                    self.once(value, owner, depth);
                }
            }
            Behind::Shared => self.shared(value, owner, depth),
            Behind::Weak => {
                if let Some((place, _)) = first_pointer(self.reader, value, 0)
                    && let Some(address) = self.reader.memory.number(place, 8)
                {
                    self.found.weak.push((owner, place, address));
                }
            }
            Behind::Itself => self.parts(value, owner, depth),
        }
    }

    /// What goes with the receiver at that place: as if there were an `Arc` of it, of which the receiver is the one. Where
    /// several seem to have the receiver, they so seem to have this.
    fn contents(&mut self, contents: Contents, place: u64, owner: Owner, depth: usize) {
        let Contents { address, values } = contents;
        self.found.owned.push((owner, place, address));
        if self.seen.insert((address, "(contents)")) {
            self.found.shared.push(Shared {
                address,
                strong: 1,
                weak: 1,
            });
            for value in values {
                self.once(value, Owner::Shared(address), depth);
            }
        }
    }

    fn children(&mut self, children: Children, place: u64, owner: Owner, depth: usize) {
        let all = Owner::Shared(children.address);
        let cells = children.all.iter().map(|child| child.cell);
        let memory =
            cells.map(|cell| (cell.address..cell.address.saturating_add(cell.ty.size), all));
        self.found.memory.extend(memory);
        let contents = Contents {
            address: children.address,
            values: children.all.iter().map(|child| child.future).collect(),
        };
        self.found.children.push(children);
        self.contents(contents, place, owner, depth);
    }

    fn once(&mut self, value: Value, owner: Owner, depth: usize) {
        if self.seen.insert((value.address, value.ty.name.as_str())) {
            self.value(value, owner, depth + 1);
        }
    }

    /// What a suspended future owns, by what dropping it would drop: exactly that, neither what was moved out of it nor
    /// what debug info leaves out since two variables have one name. None where that can't be followed.
    fn dropped(&mut self, future: Value) -> Option<Vec<Value>> {
        if !cfg!(target_arch = "x86_64") || !future.ty.is_coroutine() {
            return None;
        }
        let glue = self.reader.debug.drop_glue(future.ty)?;
        let calls = calls(self.reader.memory, glue, future.address)?;
        calls
            .into_iter()
            .map(|(function, address)| {
                let ty = self.reader.debug.dropped_by(function)?;
                self.reader.value(ty, address)
            })
            .collect()
    }

    fn parts(&mut self, value: Value, owner: Owner, depth: usize) {
        if let Some(dropped) = self.dropped(value) {
            for value in dropped {
                self.value(value, owner, depth + 1);
            }
            return;
        }
        let captured = self.moved_parameters(value);
        for (name, part) in self.reader.parts(value) {
            let is_captured = |field: &Field| {
                field.name == name && value.address.checked_add(field.offset) == Some(part.address)
            };
            if !captured.iter().any(is_captured) {
                let before = self.presence;
                // What it awaits is there.
                if value.ty.is_coroutine() && name != "__awaitee" {
                    self.presence = Presence::Likely;
                }
                self.value(part, owner, depth + 1);
                self.presence = before;
            }
        }
    }

    /// Where a suspended async function captured its parameters: before all else it moves them to variables, which have
    /// places of their own.
    fn moved_parameters(&mut self, value: Value) -> &'static [Field] {
        let Shape::Enum { variants, .. } = &value.ty.shape else {
            return &[];
        };
        let is_function = value.ty.is_coroutine() && value.ty.name.starts_with("{async_fn_env#");
        let unresumed = variants.first().filter(|_| is_function);
        let Some(unresumed) = unresumed.filter(|first| first.field.name == "Unresumed") else {
            return &[];
        };
        let state = self.reader.variant(value);
        if !state.is_some_and(|state| state.field.name.starts_with("Suspend")) {
            return &[];
        }
        let captured = self.reader.debug.field_type(&unresumed.field);
        captured.map_or(&[], Type::fields)
    }

    /// What a pointer owns.
    fn behind(&mut self, value: Value) -> Behind {
        let ty = value.ty;
        match ty.plain_name() {
            "Vec" => return collections::vector(self.reader, value).unwrap_or(Behind::Nothing),
            "VecDeque" => return collections::deque(self.reader, value).unwrap_or(Behind::Nothing),
            "BTreeMap" => return collections::tree(self.reader, value).unwrap_or(Behind::Nothing),
            "RawTable" => return collections::table(self.reader, value).unwrap_or(Behind::Nothing),
            "Arc" | "Rc" => return Behind::Shared,
            "Weak" => return Behind::Weak,
            // Nobody knows whether it is there.
            "MaybeUninit" => return Behind::Nothing,
            "Box" | "alloc::boxed::Box" => {
                if let Some(values) = self.reader.slice(value) {
                    return Behind::owned(values);
                }
                let target = self.reader.target(value).into_iter().collect();
                return Behind::owned(target);
            }
            _ => {}
        }
        if ty.name.starts_with("&mut ") {
            let slice = self.reader.slice(value);
            let values = slice.unwrap_or_else(|| self.reader.target(value).into_iter().collect());
            return Behind::Values(values);
        }
        match ty.shape {
            Shape::Pointer(_) => Behind::Nothing,
            _ => Behind::Itself,
        }
    }

    fn shared(&mut self, arc: Value, owner: Owner, depth: usize) {
        let Some((place, inner)) = Counted::of(self.reader, arc) else {
            return;
        };
        // It was moved out of here and is gone, and its memory is something else's.
        if !inner.is_plausible() {
            return;
        }
        let is_new = self.seen.insert((inner.address, "(counted)"));
        let path = self.reader.debug.path(inner.data.ty.at).unwrap_or_default();
        if path.starts_with("taskleak::task::") {
            // The cell in which a guard may drive the task: to the task's future it makes no difference.
            if is_new && path.ends_with("::WakeBoth") {
                let wakers = inner.strong.saturating_sub(1);
                self.found.own_wakers.push((inner.data.address, wakers));
            } else if is_new {
                self.found.memory.push((inner.range(), owner));
                self.once(inner.data, owner, depth);
            }
            return;
        }
        self.found.owned.push((owner, place, inner.address));
        if is_new {
            let all = Owner::Shared(inner.address);
            self.found.shared.push(Shared {
                address: inner.address,
                strong: inner.strong,
                weak: inner.weak,
            });
            self.found.memory.push((inner.range(), all));
            self.once(inner.data, all, depth);
        }
    }
}

pub(super) enum Behind {
    /// It is no pointer.
    Itself,
    Values(Vec<Value>),
    /// The same, in memory that is its own.
    Owned(Range<u64>, Vec<Value>),
    /// It is an `Arc` or `Rc`.
    Shared,
    /// It can become one.
    Weak,
    /// It is one that owns nothing.
    Nothing,
}

impl Behind {
    pub(super) fn owned(values: Vec<Value>) -> Self {
        let (Some(first), Some(last)) = (values.first(), values.last()) else {
            return Self::Nothing;
        };
        let start = first.address.min(last.address);
        let end = first
            .address
            .max(last.address)
            .saturating_add(first.ty.size);
        Self::Owned(start..end, values)
    }
}

/// What is behind an `Arc` or `Rc`: two counts and a value.
struct Counted {
    address: u64,
    strong: u64,
    weak: u64,
    data: Value,
}

impl Counted {
    /// Where the pointer is, and that.
    fn of(reader: &mut Reader<'_>, arc: Value) -> Option<(u64, Self)> {
        if let Some(fat) = fat_pointer(reader, arc, 0) {
            return Some((fat.address, Self::of_dyn(reader, fat)?));
        }
        let (place, _) = first_pointer(reader, arc, 0)?;
        let inner = inner_of(reader, arc)?;
        let data = match reader.field(inner, "data") {
            Some(data) => data,
            None => reader.field(inner, "value")?,
        };
        let counts = [reader.field(inner, "strong")?, reader.field(inner, "weak")?];
        let [strong, weak] = counts.map(|count| reader.memory.number(count.address, 8));
        let counted = Self {
            address: inner.address,
            strong: strong?,
            weak: weak?,
            data,
        };
        Some((place, counted))
    }

    /// The same of a `dyn` one, whose value comes after the counts as its alignment wants it.
    fn of_dyn(reader: &mut Reader<'_>, fat: Value) -> Option<Self> {
        let vtable = reader.field(fat, "vtable")?;
        let vtable = reader.memory.number(vtable.address, 8)?;
        let align = reader.memory.number(vtable.checked_add(16)?, 8)?;
        let actual = reader.debug.type_of_vtable(vtable)?;
        let address = pointer_in(reader, fat)?;
        if !align.is_power_of_two() || align > 4096 {
            return None;
        }
        Some(Self {
            address,
            strong: reader.memory.number(address, 8)?,
            weak: reader.memory.number(address.checked_add(8)?, 8)?,
            data: reader.value(actual, address.checked_add(align.max(16))?)?,
        })
    }

    /// Whether these can be counts.
    fn is_plausible(&self) -> bool {
        const MOST: u64 = 1 << 32;
        (1..MOST).contains(&self.strong) && (1..MOST).contains(&self.weak)
    }

    fn range(&self) -> Range<u64> {
        self.address..self.data.address.saturating_add(self.data.ty.size)
    }
}

/// The first pointer that lies in a value, as a number.
pub(super) fn pointer_in(reader: &mut Reader<'_>, value: Value) -> Option<u64> {
    let (address, _) = first_pointer(reader, value, 0)?;
    reader.memory.number(address, 8)
}

/// The counts and the value behind an `Arc`, or an `Option` of one.
pub(super) fn inner_of(reader: &mut Reader<'_>, arc: Value) -> Option<Value> {
    let (place, pointer) = first_pointer(reader, arc, 0)?;
    let address = reader.memory.number(place, 8)?;
    let Shape::Pointer(inner) = pointer.shape else {
        return None;
    };
    (address != 0).then(|| reader.value(inner, address))?
}

/// The first part of that name, however deep by value.
pub(super) fn named(
    reader: &mut Reader<'_>,
    value: Value,
    name: &str,
    depth: usize,
) -> Option<Value> {
    if let Some(found) = reader.field(value, name) {
        return Some(found);
    }
    if depth > 8 {
        return None;
    }
    let parts = reader.parts(value);
    parts
        .into_iter()
        .find_map(|(_, part)| named(reader, part, name, depth + 1))
}

fn first_pointer(
    reader: &mut Reader<'_>,
    value: Value,
    depth: usize,
) -> Option<(u64, &'static Type)> {
    if matches!(value.ty.shape, Shape::Pointer(_)) {
        return Some((value.address, value.ty));
    }
    if depth > 8 {
        return None;
    }
    let parts = reader.parts(value);
    parts
        .into_iter()
        .find_map(|(_, part)| first_pointer(reader, part, depth + 1))
}

/// The pointer with a vtable that is all there is in a value.
fn fat_pointer(reader: &mut Reader<'_>, value: Value, depth: usize) -> Option<Value> {
    if value.ty.size != 16 || depth > 8 {
        return None;
    }
    if value.ty.field("vtable").is_some() {
        return Some(value);
    }
    let parts = reader.parts(value);
    parts
        .into_iter()
        .find_map(|(_, part)| fat_pointer(reader, part, depth + 1))
}
