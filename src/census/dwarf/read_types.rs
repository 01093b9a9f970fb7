//! Reading types out of the debug info: their fields, and the variants of enums and suspended futures.

use super::debug_info::DebugInfo;
use super::die::Value;
use super::types::{Field, Shape, Type, TypeRef, Variant};
use gimli::constants::*;

impl DebugInfo {
    /// A type.
    pub(in crate::census) fn ty(&mut self, at: TypeRef) -> Option<&'static Type> {
        if let Some(known) = self.types.get(&at) {
            return *known;
        }
        let ty = self.read_type(at).map(|ty| &*Box::leak(Box::new(ty)));
        self.types.insert(at, ty);
        ty
    }

    fn read_type(&mut self, at: TypeRef) -> Option<Type> {
        let name = self.name(at.unit, at.offset).unwrap_or_default();
        let unit = &self.units[at.unit];
        let die = unit.die(at.offset)?;
        let size = die.number(DW_AT_byte_size);
        let mut ty = Type {
            at,
            name,
            size: size.unwrap_or(0),
            shape: Shape::Plain,
            arguments: Vec::new(),
        };
        match die.tag {
            DW_TAG_pointer_type | DW_TAG_reference_type | DW_TAG_rvalue_reference_type => {
                ty.size = 8;
                if let Some(target) = self.reference(at.unit, at.offset, DW_AT_type) {
                    ty.shape = Shape::Pointer(target);
                }
            }
            DW_TAG_array_type => {
                let counts = unit.children(&die);
                let count = counts
                    .iter()
                    .find_map(|child| unit.die(*child)?.number(DW_AT_count))?;
                let element = self.reference(at.unit, at.offset, DW_AT_type)?;
                ty.size = self.ty(element)?.size.checked_mul(count)?;
                ty.shape = Shape::Array { element, count };
            }
            DW_TAG_structure_type | DW_TAG_union_type => {
                let children = unit.children(&die);
                self.read_members(&mut ty, &children);
            }
            DW_TAG_typedef | DW_TAG_const_type | DW_TAG_volatile_type => {
                let meant = self.reference(at.unit, at.offset, DW_AT_type)?;
                let meant = self.ty(meant)?;
                ty.size = meant.size;
                if let Shape::Pointer(target) = &meant.shape {
                    ty.shape = Shape::Pointer(*target);
                }
            }
            _ => {}
        }
        Some(ty)
    }

    fn read_members(&mut self, ty: &mut Type, children: &[usize]) {
        let unit = ty.at.unit;
        let mut fields = Vec::new();
        let mut variants = None;
        for child in children {
            match self.units[unit].die(*child).map(|die| die.tag) {
                Some(DW_TAG_member) => fields.extend(self.field(unit, *child)),
                Some(DW_TAG_template_type_parameter) => {
                    if let (Some(name), Some(argument)) = (
                        self.name(unit, *child),
                        self.reference(unit, *child, DW_AT_type),
                    ) {
                        ty.arguments.push((name, argument));
                    }
                }
                Some(DW_TAG_variant_part) => variants = self.variants(unit, *child),
                _ => {}
            }
        }
        ty.shape = variants.unwrap_or(Shape::Struct(fields));
    }

    fn field(&mut self, unit: usize, member: usize) -> Option<Field> {
        let ty = self.reference(unit, member, DW_AT_type)?;
        let offset = self.units[unit]
            .die(member)?
            .number(DW_AT_data_member_location)
            .unwrap_or(0);
        let name = self.name(unit, member).unwrap_or_default();
        Some(Field::new(name, offset, ty))
    }

    fn variants(&mut self, unit: usize, part: usize) -> Option<Shape> {
        let die = self.units[unit].die(part)?;
        let children = self.units[unit].children(&die);
        let discriminant = self.reference(unit, part, DW_AT_discr);
        let discriminant = discriminant.and_then(|at| self.field(at.unit, at.offset));
        let size = match &discriminant {
            Some(field) => self.ty(field.ty)?.size,
            None => 0,
        };
        let mut variants = Vec::new();
        for child in children {
            let die = self.units[unit].die(child)?;
            if die.tag != DW_TAG_variant {
                continue;
            }
            // A list of values is of no use to us, and to take it for the default would be a guess.
            if die.has(DW_AT_discr_list) {
                return None;
            }
            let value = match die.get(DW_AT_discr_value) {
                Some(Value::Number(value)) => Some(cut(value, size)),
                Some(Value::Signed(value)) => Some(cut(value as u64, size)),
                _ => None,
            };
            let members = self.units[unit].children(&die);
            let member = *members.first()?;
            let field = self.field(unit, member)?;
            let die = self.units[unit].die(member)?;
            let place = die.number(DW_AT_decl_file).zip(
                die.number(DW_AT_decl_line)
                    .and_then(|line| u32::try_from(line).ok()),
            );
            variants.push(Variant {
                value,
                field,
                place,
            });
        }
        Some(Shape::Enum {
            discriminant,
            variants,
        })
    }
}

/// The low bytes of a number.
fn cut(value: u64, bytes: u64) -> u64 {
    if bytes >= 8 {
        value
    } else {
        value & ((1 << (8 * bytes)) - 1)
    }
}
