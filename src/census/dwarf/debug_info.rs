//! Asking the debug info: for the function at an address, for a type, for its path.

use super::super::Unavailable;
use super::aranges::Aranges;
use super::die::{Value, number};
use super::drop_glue::Symbols;
use super::image::Image;
use super::strings::Strings;
use super::types::{Field, Shape, Type, TypeRef, Variant};
use super::unit::Unit;
use gimli::constants::*;
use gimli::{DebugLine, DebugLineOffset, DwAt, EndianSlice, LittleEndian};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The debug info of the binary that some code is in. What was read once is kept for the life of the process.
#[derive(Debug)]
pub(in crate::census) struct DebugInfo {
    pub(super) image: Image,
    aranges: Aranges,
    strings: Strings,
    line_strings: Strings,
    units: Vec<Unit>,
    /// By their offsets in `.debug_info`; none of those that can't be read.
    units_by_offset: HashMap<u64, Option<usize>>,
    types: HashMap<TypeRef, Option<&'static Type>>,
    paths: HashMap<TypeRef, Option<&'static str>>,
    names: HashMap<TypeRef, &'static str>,
    /// Types that were looked for by their paths.
    found: HashMap<String, Option<TypeRef>>,
    files: HashMap<(usize, u64), Option<PathBuf>>,
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

    fn unit(&mut self, offset: u64) -> Option<usize> {
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

    fn text(&mut self, unit: usize, value: Value) -> Option<String> {
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
    fn reference(&mut self, unit: usize, offset: usize, name: DwAt) -> Option<TypeRef> {
        match self.units[unit].die(offset)?.get(name)? {
            Value::Here(offset) => Some(TypeRef { unit, offset }),
            Value::Anywhere(offset) => self.anywhere(offset),
            _ => None,
        }
    }

    /// An entry by its offset in `.debug_info`, as link-time optimisation refers to other units.
    fn anywhere(&mut self, offset: u64) -> Option<TypeRef> {
        let section = self.image.section(".debug_info")?;
        let mut start = 0;
        while start < section.size {
            let length = 4 + number(&self.image.read_in(section, start, 4)?, 0, 4)?;
            if offset < start + length {
                let unit = self.unit(start)?;
                let offset = usize::try_from(offset - start).ok()?;
                return Some(TypeRef { unit, offset });
            }
            start += length;
        }
        None
    }

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

    /// A source file by its number in a unit.
    pub(in crate::census) fn file(&mut self, of: TypeRef, file: u64) -> Option<PathBuf> {
        let key = (of.unit, file);
        if let Some(known) = self.files.get(&key) {
            return known.clone();
        }
        let path = self.read_file_name(of.unit, file);
        self.files.insert(key, path.clone());
        path
    }

    fn read_file_name(&mut self, unit: usize, file: u64) -> Option<PathBuf> {
        let section = self.image.section(".debug_line")?;
        let at = self.units[unit].line_program?;
        let length = 4 + number(&self.image.read_in(section, at, 4)?, 0, 4)?;
        let program = self
            .image
            .read_in(section, at, usize::try_from(length).ok()?)?;
        let program = DebugLine::from(EndianSlice::new(&program, LittleEndian))
            .program(DebugLineOffset(0), 8, None, None)
            .ok()?;
        let header = program.header();
        let entry = header.file(file)?;
        let folder = header.directory(entry.directory_index());
        let mut path = PathBuf::new();
        if let Some(folder) = self.units[unit].folder {
            path.push(self.text(unit, folder)?);
        }
        if let Some(folder) = folder {
            path.push(self.line_text(folder)?);
        }
        path.push(self.line_text(entry.path_name())?);
        Some(path)
    }

    fn line_text(
        &mut self,
        value: gimli::AttributeValue<EndianSlice<'_, LittleEndian>>,
    ) -> Option<PathBuf> {
        use gimli::AttributeValue::{DebugLineStrRef, DebugStrRef, String};
        let text = match value {
            String(text) => text.to_string().ok()?.to_owned(),
            DebugStrRef(offset) => self.strings.get(&self.image, offset.0 as u64)?,
            DebugLineStrRef(offset) => self.line_strings.get(&self.image, offset.0 as u64)?,
            _ => return None,
        };
        Some(Path::new(&text).to_path_buf())
    }

    /// A type by its path, wherever it is described: that takes a walk through every unit up to there.
    pub(in crate::census) fn find_type(&mut self, path: &str) -> Option<TypeRef> {
        if let Some(known) = self.found.get(path) {
            return *known;
        }
        let found = self.look_for_type(path);
        self.found.insert(path.to_owned(), found);
        found
    }

    fn look_for_type(&mut self, path: &str) -> Option<TypeRef> {
        let name = path.rsplit("::").next()?;
        let section = self.image.section(".debug_info")?;
        let mut start = 0;
        while start < section.size {
            let length = 4 + number(&self.image.read_in(section, start, 4)?, 0, 4)?;
            if let Some(unit) = self.unit(start) {
                for offset in self.units[unit].scopes() {
                    let at = TypeRef { unit, offset };
                    if self.is_called(at, name)
                        && self.path(at) == Some(path)
                        && self.ty(at).is_some_and(|ty| !ty.fields().is_empty())
                    {
                        return Some(at);
                    }
                }
            }
            start += length;
        }
        None
    }

    fn is_called(&mut self, at: TypeRef, name: &str) -> bool {
        match self.units[at.unit]
            .die(at.offset)
            .and_then(|die| die.get(DW_AT_name))
        {
            Some(Value::Text(offset)) => self.strings.is(&self.image, offset, name),
            Some(value) => self.text(at.unit, value).as_deref() == Some(name),
            None => false,
        }
    }

    /// The types in the unit of another that are called so, whatever their generic arguments.
    pub(in crate::census) fn types_called(
        &mut self,
        beside: TypeRef,
        name: &str,
    ) -> Vec<&'static Type> {
        let unit = beside.unit;
        let scopes = self.units[unit].scopes();
        let called = |text: &String| text.split('<').next() == Some(name);
        let mut found = Vec::new();
        for offset in scopes {
            if self.name(unit, offset).as_ref().is_some_and(called) {
                found.extend(self.ty(TypeRef { unit, offset }));
            }
        }
        found
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
