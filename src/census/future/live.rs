//! Values in memory, by their types: which parts of one are alive, and what it points at.

use super::super::dwarf::{DebugInfo, Field, Shape, Type, TypeRef, Variant};
use super::snapshot::Snapshot;

/// Reads values.
#[derive(Debug)]
pub(in crate::census) struct Reader<'a> {
    pub(in crate::census) debug: &'a mut DebugInfo,
    pub(in crate::census) memory: &'a mut Snapshot,
}

/// A place in memory, and what lies there according to the debug info.
#[derive(Clone, Copy, Debug)]
pub(in crate::census) struct Value {
    pub(in crate::census) ty: &'static Type,
    pub(in crate::census) address: u64,
}

/// Longer futures than this are read by their fields.
const MOST_AT_ONCE: u64 = 1 << 14;
/// More elements of an array than this are not looked at.
const MOST_ELEMENTS: u64 = 64;

impl Reader<'_> {
    pub(in crate::census) fn value(&mut self, ty: TypeRef, address: u64) -> Option<Value> {
        let ty = self.debug.ty(ty)?;
        Some(Value { ty, address })
    }

    /// A field of a struct.
    pub(in crate::census) fn field(&mut self, of: Value, name: &str) -> Option<Value> {
        let field = of.ty.field(name)?;
        self.value_of(field, of.address.checked_add(field.offset)?)
    }

    /// A field whose place is known.
    pub(in crate::census) fn value_of(
        &mut self,
        field: &'static Field,
        address: u64,
    ) -> Option<Value> {
        let ty = self.debug.field_type(field)?;
        Some(Value { ty, address })
    }

    /// What a plain value is.
    pub(in crate::census) fn number(&mut self, value: Value) -> Option<u64> {
        self.memory.number(value.address, value.ty.size)
    }

    /// The variant that an enum, or the state that a coroutine, is in.
    pub(in crate::census) fn variant(&mut self, of: Value) -> Option<&'static Variant> {
        let Shape::Enum {
            discriminant,
            variants,
        } = &of.ty.shape
        else {
            return None;
        };
        match discriminant {
            None => variants.first(),
            Some(field) => {
                let size = self.debug.field_type(field)?.size;
                let value = self
                    .memory
                    .number(of.address.checked_add(field.offset)?, size)?;
                of.ty.variant(value)
            }
        }
    }

    /// The parts of a value that are alive: the fields of a struct, of the variant that an enum is in, of the state that
    /// a coroutine is in; the elements of an array.
    pub(in crate::census) fn parts(&mut self, of: Value) -> Vec<(&'static str, Value)> {
        match &of.ty.shape {
            Shape::Struct(fields) => fields
                .iter()
                .filter_map(|field| {
                    let address = of.address.checked_add(field.offset)?;
                    Some((field.name.as_str(), self.value_of(field, address)?))
                })
                .collect(),
            Shape::Enum { .. } => {
                let data = self.variant(of).and_then(|variant| {
                    let address = of.address.checked_add(variant.field.offset)?;
                    self.value_of(&variant.field, address)
                });
                // Only once: a variant's data is a struct.
                match data {
                    Some(data) if matches!(data.ty.shape, Shape::Struct(_)) => self.parts(data),
                    _ => Vec::new(),
                }
            }
            Shape::Array { element, count } => self.elements(*element, of.address, *count),
            Shape::Pointer(_) | Shape::Plain => Vec::new(),
        }
    }

    fn elements(
        &mut self,
        element: TypeRef,
        address: u64,
        count: u64,
    ) -> Vec<(&'static str, Value)> {
        let Some(size) = self.debug.ty(element).map(|ty| ty.size) else {
            return Vec::new();
        };
        (0..count.min(MOST_ELEMENTS))
            .filter_map(|at| Some(("", self.value(element, address.checked_add(at * size)?)?)))
            .collect()
    }

    /// What a pointer points at: of one to a `dyn` type, the value of its actual type.
    pub(in crate::census) fn target(&mut self, of: Value) -> Option<Value> {
        let target = self.pointed_at(of)?;
        // A future that is kept elsewhere: to read it at once takes as long as to read its first field.
        if target.ty.is_coroutine() && target.ty.size <= MOST_AT_ONCE {
            self.memory.bytes(target.address, target.ty.size);
        }
        Some(target)
    }

    fn pointed_at(&mut self, of: Value) -> Option<Value> {
        match &of.ty.shape {
            Shape::Pointer(target) => {
                let address = self.memory.number(of.address, 8)?;
                let target = self.debug.ty(*target)?;
                // Where nothing lies, a pointer may dangle.
                (address >= 4096 || target.size == 0).then_some(Value {
                    ty: target,
                    address,
                })
            }
            Shape::Struct(_) if is_fat(of.ty, "vtable") => {
                let pointer = self.field(of, "pointer")?;
                let vtable = self.field(of, "vtable")?;
                let address = self.memory.number(pointer.address, 8)?;
                let vtable = self.memory.number(vtable.address, 8)?;
                let actual = self.debug.type_of_vtable(vtable)?;
                self.value(actual, address)
            }
            _ => None,
        }
    }

    /// The elements behind a pointer to a slice.
    pub(in crate::census) fn slice(&mut self, of: Value) -> Option<Vec<Value>> {
        if !is_fat(of.ty, "length") {
            return None;
        }
        let start = self.field(of, "data_ptr")?;
        let Shape::Pointer(element) = start.ty.shape else {
            return None;
        };
        let length = self.field(of, "length")?;
        let length = self.memory.number(length.address, 8)?;
        let start = self.memory.number(start.address, 8)?;
        let elements = self.elements(element, start, length);
        Some(elements.into_iter().map(|(_, value)| value).collect())
    }
}

/// Whether it is a pointer of two words, the second being called so.
fn is_fat(ty: &Type, second: &str) -> bool {
    ty.size == 16 && ty.fields().len() == 2 && ty.field(second).is_some()
}
