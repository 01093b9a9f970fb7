//! Walking all that a suspended future may own.

use super::super::dwarf::{Shape, Type};
use super::super::future::{Reader, Value};
use super::known::Known;
use std::collections::HashSet;

const MOST_STEPS: usize = 1 << 13;
const DEEPEST: usize = 64;

/// What of tokio's lies in a future, wherever it owns it by value or by a box, a vector or an `Arc`.
///
/// A compiler keeps room across an `.await` also for variables that were moved out of: what is found is kept there or
/// was.
pub(super) fn find(reader: &mut Reader<'_>, future: Value) -> Vec<(Known, Value)> {
    let mut walk = Walk {
        reader,
        seen: HashSet::new(),
        steps: 0,
        found: Vec::new(),
    };
    walk.value(future, 0);
    walk.found
}

struct Walk<'a, 'b> {
    reader: &'a mut Reader<'b>,
    seen: HashSet<(u64, &'static str)>,
    steps: usize,
    found: Vec<(Known, Value)>,
}

impl Walk<'_, '_> {
    fn value(&mut self, value: Value, depth: usize) {
        self.steps += 1;
        if depth > DEEPEST || self.steps > MOST_STEPS || matches!(value.ty.shape, Shape::Plain) {
            return;
        }
        let path = self.reader.debug.path(value.ty.at).unwrap_or_default();
        if let Some(known) = Known::of(path) {
            if self.seen.insert((value.address, known.path())) {
                self.found.push((known, value));
            }
            return;
        }
        match self.behind(value) {
            Behind::Nothing => return,
            Behind::Values(values) => {
                for value in values {
                    if self.seen.insert((value.address, value.ty.name.as_str())) {
                        self.value(value, depth + 1);
                    }
                }
                return;
            }
            Behind::Itself => {}
        }
        for (_, part) in self.reader.parts(value) {
            self.value(part, depth + 1);
        }
    }

    /// What a pointer owns.
    fn behind(&mut self, value: Value) -> Behind {
        let ty = value.ty;
        let plain = ty.plain_name();
        if plain == "Vec" {
            return Behind::Values(self.vector(value).unwrap_or_default());
        }
        if plain == "Arc" {
            return Behind::Values(self.shared(value).into_iter().collect());
        }
        if plain == "Box" || plain == "alloc::boxed::Box" || ty.name.starts_with("&mut ") {
            let slice = self.reader.slice(value);
            let values = slice.unwrap_or_else(|| self.reader.target(value).into_iter().collect());
            return Behind::Values(values);
        }
        match ty.shape {
            Shape::Pointer(_) => Behind::Nothing,
            _ => Behind::Itself,
        }
    }

    fn vector(&mut self, vector: Value) -> Option<Vec<Value>> {
        let element = vector.ty.argument("T")?;
        let size = self.reader.debug.ty(element)?.size;
        let length = self.reader.field(vector, "len")?;
        let length = self.reader.number(length)?;
        let start = pointer_in(self.reader, vector)?;
        (0..length.min(64))
            .map(|at| self.reader.value(element, start.checked_add(at * size)?))
            .collect()
    }

    fn shared(&mut self, arc: Value) -> Option<Value> {
        let inner = inner_of(self.reader, arc)?;
        self.reader.field(inner, "data")
    }
}

enum Behind {
    /// It is no pointer.
    Itself,
    Values(Vec<Value>),
    /// It is one that owns nothing.
    Nothing,
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

fn first_pointer(reader: &mut Reader<'_>, value: Value, depth: usize) -> Option<(u64, &'static Type)> {
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
