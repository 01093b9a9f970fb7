//! Asking the debug info: for the function at an address, for a type, for its path.

use super::super::Unavailable;
use super::aranges::Aranges;
use super::die::{Value, number};
use super::drop_glue::Symbols;
use super::image::Image;
use super::strings::Strings;
use super::types::{Field, Type, TypeRef};
use super::unit::Unit;
use gimli::DwAt;
use gimli::constants::*;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;

/// The debug info of the binary that some code is in. What was read once is kept for the life of the process.
#[derive(Debug)]
pub(in crate::census) struct DebugInfo {
    pub(super) image: Image,
    aranges: Aranges,
    pub(super) strings: Strings,
    pub(super) line_strings: Strings,
    pub(super) units: Vec<Unit>,
    /// By their offsets in `.debug_info`; none of those that can't be read.
    units_by_offset: HashMap<u64, Option<usize>>,
    pub(super) types: HashMap<TypeRef, Option<&'static Type>>,
    paths: HashMap<TypeRef, Option<&'static str>>,
    names: HashMap<TypeRef, &'static str>,
    /// Types that were looked for by their paths.
    pub(super) found: HashMap<String, Option<TypeRef>>,
    pub(super) files: HashMap<(usize, u64), Option<PathBuf>>,
    vtables: HashMap<u64, Option<TypeRef>>,
    /// The functions that drop values, by the paths of their types.
    pub(super) glues: HashMap<&'static str, Option<u64>>,
    /// The types whose values functions drop. To look for one takes about a millisecond.
    pub(super) dropped: HashMap<u64, Option<TypeRef>>,
    pub(super) symbols: Option<Symbols>,
}

/// How to have what a census needs.
pub(in crate::census) const REMEDY: &str = "set `debug = 2` in the profile that the tests are built with (`[profile.test]`, or `[profile.dev]`)";

impl DebugInfo {
    /// The debug info of the image whose code is at the address.
    pub(in crate::census) fn of_code_at(address: u64) -> Result<Self, Unavailable> {
        let image = Image::of_code_at(address)?;
        if image.section(".debug_info").is_none() {
            let what = if image.section(".symtab").is_none() {
                "the binary is stripped"
            } else {
                "the binary has no debug info"
            };
            return Err(Unavailable::new(format!("{what}; {REMEDY}")));
        }
        let aranges = Aranges::read(&image).ok_or_else(|| {
            Unavailable::new(
                "the debug info has no .debug_aranges, which rustc writes: the linker dropped it; use another \
                 linker, or drop the option that has it remove sections",
            )
        })?;
        Ok(Self {
            aranges,
            strings: Strings::new(image.section(".debug_str")),
            line_strings: Strings::new(image.section(".debug_line_str")),
            image,
            units: Vec::new(),
            units_by_offset: HashMap::new(),
            types: HashMap::new(),
            paths: HashMap::new(),
            names: HashMap::new(),
            found: HashMap::new(),
            files: HashMap::new(),
            vtables: HashMap::new(),
            glues: HashMap::new(),
            dropped: HashMap::new(),
            symbols: None,
        })
    }

    pub(super) fn unit(&mut self, offset: u64) -> Option<usize> {
        if let Some(unit) = self.units_by_offset.get(&offset) {
            return *unit;
        }
        let unit = Unit::read(&self.image, offset).map(|unit| {
            self.units.push(unit);
            self.units.len() - 1
        });
        self.units_by_offset.insert(offset, unit);
        unit
    }

    fn unit_of_address(&mut self, address: u64) -> Option<usize> {
        let offset = self.aranges.unit_at(address)?;
        self.unit(offset)
    }

    /// The function that begins at an address in memory.
    pub(in crate::census) fn function_at(&mut self, address: u64) -> Option<TypeRef> {
        let address = self.image.to_file(address);
        let unit = self.unit_of_address(address)?;
        let offset = self.units[unit].function_at(address)?;
        Some(TypeRef { unit, offset })
    }

    /// Whether there is any debug info of the code there, be it lines only.
    pub(in crate::census) fn describes(&mut self, address: u64) -> bool {
        let address = self.image.to_file(address);
        self.unit_of_address(address).is_some()
    }

    /// What keeps the debug info of some code from being read, if it is a way of writing it that is not understood.
    pub(in crate::census) fn obstacle_at(&mut self, address: u64) -> Option<&'static str> {
        let address = self.image.to_file(address);
        let unit = self.unit_of_address(address)?;
        let unit = &self.units[unit];
        if unit.is_split {
            Some(
                "the debug info is in files of its own; set `split-debuginfo = \"off\"` in the profile",
            )
        } else if unit.version > 4 {
            Some("the debug info is written as DWARF 5; build with `-C dwarf-version=4`")
        } else {
            None
        }
    }

    /// The types of a function's parameters, generic arguments and local variables, by their names.
    pub(in crate::census) fn types_in(&mut self, function: TypeRef) -> Vec<(String, TypeRef)> {
        let mut found = Vec::new();
        self.types_below(function, &mut found, 0);
        found
    }

    fn types_below(&mut self, at: TypeRef, found: &mut Vec<(String, TypeRef)>, depth: usize) {
        const DEEPEST: usize = 16;
        let unit = &self.units[at.unit];
        let Some(die) = unit.die(at.offset).filter(|_| depth < DEEPEST) else {
            return;
        };
        let mut below = unit.children(&die);
        let origin = [DW_AT_abstract_origin, DW_AT_specification]
            .into_iter()
            .find_map(|name| match die.get(name) {
                Some(Value::Here(offset)) => Some(offset),
                _ => None,
            });
        let mut interesting = Vec::new();
        below.retain(|child| match unit.die(*child).map(|die| die.tag) {
            Some(DW_TAG_lexical_block) => true,
            Some(DW_TAG_formal_parameter | DW_TAG_variable | DW_TAG_template_type_parameter) => {
                interesting.push(*child);
                false
            }
            _ => false,
        });
        below.extend(origin);
        for child in interesting {
            if let (Some(name), Some(ty)) = (
                self.name(at.unit, child),
                self.reference(at.unit, child, DW_AT_type),
            ) {
                found.push((name, ty));
            }
        }
        for offset in below {
            let unit = at.unit;
            self.types_below(TypeRef { unit, offset }, found, depth + 1);
        }
    }

    /// The type that a vtable in memory was made for.
    pub(in crate::census) fn type_of_vtable(&mut self, address: u64) -> Option<TypeRef> {
        if let Some(known) = self.vtables.get(&address) {
            return *known;
        }
        let found = self.find_type_of_vtable(address);
        self.vtables.insert(address, found);
        found
    }

    fn find_type_of_vtable(&mut self, address: u64) -> Option<TypeRef> {
        let address = self.image.to_file(address);
        let unit = self.unit_of_address(address)?;
        let offset = self.units[unit].static_at(address)?;
        let vtable = self.reference(unit, offset, DW_AT_type)?;
        self.reference(vtable.unit, vtable.offset, DW_AT_containing_type)
    }

    pub(super) fn text(&mut self, unit: usize, value: Value) -> Option<String> {
        match value {
            Value::Text(offset) => self.strings.get(&self.image, offset),
            Value::LineText(offset) => self.line_strings.get(&self.image, offset),
            Value::TextIndex(index) => {
                let offsets = self.image.section(".debug_str_offsets")?;
                let at = self.units[unit].string_offsets? + 4 * index;
                let offset = number(&self.image.read_in(offsets, at, 4)?, 0, 4)?;
                self.strings.get(&self.image, offset)
            }
            Value::Bytes(start, end) => {
                let bytes = self.units[unit].bytes.get(start..end)?;
                String::from_utf8(bytes.to_vec()).ok()
            }
            _ => None,
        }
    }

    pub(super) fn name(&mut self, unit: usize, offset: usize) -> Option<String> {
        let name = self.units[unit].die(offset)?.get(DW_AT_name)?;
        self.text(unit, name)
    }

    /// What an attribute of an entry refers to.
    pub(super) fn reference(&mut self, unit: usize, offset: usize, name: DwAt) -> Option<TypeRef> {
        match self.units[unit].die(offset)?.get(name)? {
            Value::Here(offset) => Some(TypeRef { unit, offset }),
            Value::Anywhere(offset) => self.anywhere(offset),
            _ => None,
        }
    }

    /// An entry by its offset in `.debug_info`, as link-time optimisation refers to other units.
    fn anywhere(&mut self, offset: u64) -> Option<TypeRef> {
        let mut next = 0;
        loop {
            let unit = self.extent_of_unit(next)?;
            if unit.contains(&offset) {
                let offset = usize::try_from(offset - unit.start).ok()?;
                let unit = self.unit(unit.start)?;
                return Some(TypeRef { unit, offset });
            }
            next = unit.end;
        }
    }

    /// The unit that begins there; none at the end of all.
    pub(super) fn extent_of_unit(&self, start: u64) -> Option<Range<u64>> {
        let section = self.image.section(".debug_info")?;
        if start >= section.size {
            return None;
        }
        let length = 4 + number(&self.image.read_in(section, start, 4)?, 0, 4)?;
        Some(start..start + length)
    }

    /// The type with the modules around it: `server::conn::{async_fn_env#0}`.
    pub(in crate::census) fn path(&mut self, at: TypeRef) -> Option<&'static str> {
        if let Some(known) = self.paths.get(&at) {
            return *known;
        }
        let parts = self.units[at.unit].path(at.offset);
        let names: Option<Vec<_>> = parts
            .into_iter()
            .map(|offset| self.name(at.unit, offset))
            .collect();
        let path = names.map(|names| &*names.join("::").leak());
        self.paths.insert(at, path);
        path
    }

    /// What a person calls a future of this type, worked out once.
    pub(in crate::census) fn name_of_future(
        &mut self,
        ty: &Type,
        name: impl FnOnce(&mut Self) -> String,
    ) -> &'static str {
        if let Some(known) = self.names.get(&ty.at) {
            return known;
        }
        let name = &*name(self).leak();
        self.names.insert(ty.at, name);
        name
    }

    /// The type of a field.
    pub(in crate::census) fn field_type(&mut self, field: &Field) -> Option<&'static Type> {
        *field.known.get_or_init(|| self.ty(field.ty))
    }
}
