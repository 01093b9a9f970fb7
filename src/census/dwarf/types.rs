//! Types, as memory is read by them.

use std::sync::OnceLock;

/// Names a type: where its entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::census) struct TypeRef {
    /// Which of the loaded units.
    pub(super) unit: usize,
    /// Where in it.
    pub(super) offset: usize,
}

/// One type.
#[derive(Debug)]
pub(in crate::census) struct Type {
    pub(in crate::census) at: TypeRef,
    /// Without its path, but with its generic arguments (and those with their paths).
    pub(in crate::census) name: String,
    pub(in crate::census) size: u64,
    pub(in crate::census) shape: Shape,
    /// Generic arguments, by their parameters' names.
    pub(in crate::census) arguments: Vec<(String, TypeRef)>,
}

#[derive(Debug)]
pub(in crate::census) enum Shape {
    /// A struct, tuple, closure or union of fields.
    Struct(Vec<Field>),
    /// An enum with data, or a coroutine.
    Enum {
        /// None if there is but one variant.
        discriminant: Option<Field>,
        variants: Vec<Variant>,
    },
    /// A pointer of one word.
    Pointer(TypeRef),
    Array {
        element: TypeRef,
        count: u64,
    },
    /// Nothing that a future could lie in: a number, a function pointer, a plain enum.
    Plain,
}

#[derive(Clone, Debug)]
pub(in crate::census) struct Field {
    pub(in crate::census) name: String,
    pub(in crate::census) offset: u64,
    pub(in crate::census) ty: TypeRef,
    /// Its type, once it was asked for: thousands of tasks are read by the same few types.
    pub(super) known: OnceLock<Option<&'static Type>>,
}

impl Field {
    pub(in crate::census) fn new(name: String, offset: u64, ty: TypeRef) -> Self {
        Self {
            name,
            offset,
            ty,
            known: OnceLock::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub(in crate::census) struct Variant {
    /// None of the variant that all other values stand for.
    pub(in crate::census) value: Option<u64>,
    /// Its data as a struct.
    pub(in crate::census) field: Field,
    /// Of a coroutine's state: where it is in the source, as the unit's number for the file, and the line.
    pub(in crate::census) place: Option<(u64, u32)>,
}

impl Type {
    /// The fields of a struct.
    pub(in crate::census) fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Struct(fields) => fields,
            _ => &[],
        }
    }

    pub(in crate::census) fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    pub(in crate::census) fn argument(&self, name: &str) -> Option<TypeRef> {
        self.arguments
            .iter()
            .find(|(parameter, _)| parameter == name)
            .map(|(_, ty)| *ty)
    }

    /// The name without generic arguments.
    pub(in crate::census) fn plain_name(&self) -> &str {
        self.name.split('<').next().unwrap_or_default()
    }

    /// The variant that a discriminant stands for.
    pub(in crate::census) fn variant(&self, value: u64) -> Option<&Variant> {
        let Shape::Enum { variants, .. } = &self.shape else {
            return None;
        };
        let exact = variants.iter().find(|variant| variant.value == Some(value));
        exact.or_else(|| variants.iter().find(|variant| variant.value.is_none()))
    }

    /// Whether it is the state machine of an async function or block.
    pub(in crate::census) fn is_coroutine(&self) -> bool {
        matches!(&self.shape, Shape::Enum { discriminant: Some(field), .. } if field.name == "__state")
    }
}
