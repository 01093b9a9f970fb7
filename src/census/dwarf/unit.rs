//! One unit of the debug info.

use super::abbrevs::{Abbrevs, Role};
use super::die::{Die, Value, number, stride};
use super::image::Image;
use gimli::constants::*;

/// A loaded unit.
#[derive(Debug)]
pub(super) struct Unit {
    /// All of it, header included: references within a unit count from there.
    pub(super) bytes: Vec<u8>,
    pub(super) abbrevs: Abbrevs,
    pub(super) version: u16,
    /// Where the first entry is.
    first: usize,
    pub(super) line_program: Option<u64>,
    pub(super) folder: Option<Value>,
    pub(super) string_offsets: Option<u64>,
    pub(super) addresses: Option<u64>,
    /// Whether what it describes is in another file.
    pub(super) is_split: bool,
    index: Option<Index>,
}

/// What one walk through a unit finds.
#[derive(Debug, Default)]
struct Index {
    /// In the order of the unit.
    scopes: Vec<Scope>,
    /// Functions by their first instruction.
    functions: Vec<(u64, usize)>,
    /// Statics by their addresses.
    statics: Vec<(u64, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct Scope {
    offset: usize,
    /// Which scope it is in; the unit itself is none.
    parent: Option<usize>,
}

/// No unit of a sane binary is longer.
const LONGEST: u64 = 1 << 30;

impl Unit {
    pub(super) fn read(image: &Image, offset: u64) -> Option<Self> {
        let section = image.section(".debug_info")?;
        let head = image.read_in(section, offset, 12)?;
        let length = 4 + number(&head, 0, 4)?;
        // 64-bit DWARF begins with a length past this.
        if length >= LONGEST {
            return None;
        }
        let version = number(&head, 4, 2)? as u16;
        let (first, address_size, abbrevs) = match version {
            2..=4 => (11, head[10], number(&head, 6, 4)?),
            5 if head[6] == DW_UT_compile.0 => (12, head[7], number(&head, 8, 4)?),
            _ => return None,
        };
        if address_size != 8 {
            return None;
        }
        let mut unit = Self {
            bytes: image.read_in(section, offset, length as usize)?,
            abbrevs: Abbrevs::read(image, abbrevs, version)?,
            version,
            first,
            line_program: None,
            folder: None,
            string_offsets: None,
            addresses: None,
            is_split: false,
            index: None,
        };
        let root = unit.die(first)?;
        let line_program = root.number(DW_AT_stmt_list);
        let folder = root.get(DW_AT_comp_dir);
        let string_offsets = root.number(DW_AT_str_offsets_base);
        let addresses = root.number(DW_AT_addr_base);
        let is_split = root.has(DW_AT_GNU_dwo_name) || root.has(DW_AT_dwo_name);
        unit.is_split = is_split;
        unit.line_program = line_program;
        unit.folder = folder;
        unit.string_offsets = string_offsets;
        unit.addresses = addresses;
        Some(unit)
    }

    pub(super) fn die(&self, offset: usize) -> Option<Die<'_>> {
        Die::at(&self.bytes, &self.abbrevs, offset, self.version)
    }

    /// The children of an entry, themselves only.
    pub(super) fn children(&self, die: &Die<'_>) -> Vec<usize> {
        let mut children = Vec::new();
        if !die.has_children {
            return children;
        }
        let mut at = die.next;
        let mut depth = 0_usize;
        while let Some((abbrev, _, next)) = stride(&self.bytes, &self.abbrevs, at) {
            match abbrev {
                None if depth == 0 => break,
                None => depth -= 1,
                Some(abbrev) => {
                    if depth == 0 {
                        children.push(at);
                    }
                    if abbrev.has_children {
                        depth += 1;
                    }
                }
            }
            at = next;
        }
        children
    }

    /// The entry of the function that begins at the address.
    pub(super) fn function_at(&mut self, address: u64) -> Option<usize> {
        let functions = &self.index().functions;
        let found = functions.iter().find(|(low, _)| *low == address);
        found.map(|(_, offset)| *offset)
    }

    /// The entry of the static at the address.
    pub(super) fn static_at(&mut self, address: u64) -> Option<usize> {
        let statics = &self.index().statics;
        let found = statics.iter().find(|(there, _)| *there == address);
        found.map(|(_, offset)| *offset)
    }

    /// The namespaces and types around a type, and itself; outermost first.
    pub(super) fn path(&mut self, offset: usize) -> Vec<usize> {
        let scopes = &self.index().scopes;
        let mut path = Vec::new();
        let mut next = scopes
            .binary_search_by_key(&offset, |scope| scope.offset)
            .ok();
        while let Some(scope) = next.and_then(|at| scopes.get(at)) {
            path.push(scope.offset);
            next = scope.parent;
        }
        if path.is_empty() {
            path.push(offset);
        }
        path.reverse();
        path
    }

    /// All namespaces and types, by their entries.
    pub(super) fn scopes(&mut self) -> Vec<usize> {
        self.index()
            .scopes
            .iter()
            .map(|scope| scope.offset)
            .collect()
    }

    fn index(&mut self) -> &Index {
        if self.index.is_none() {
            self.index = Some(self.walk());
        }
        self.index.as_ref().expect("it was just put there")
    }

    /// Goes through the whole unit. Dev builds run this a hundred thousand times, unoptimised.
    fn walk(&self) -> Index {
        let mut index = Index::default();
        let bytes = self.bytes.as_slice();
        let mut around: Vec<Option<usize>> = Vec::with_capacity(64);
        let mut at = self.first;
        while let Some((abbrev, values, next)) = stride(bytes, &self.abbrevs, at) {
            let Some(abbrev) = abbrev else {
                around.pop();
                if around.is_empty() {
                    break;
                }
                at = next;
                continue;
            };
            let parent = match around.last() {
                Some(parent) => *parent,
                None => None,
            };
            let mut inside = parent;
            match abbrev.role {
                Role::Scope => {
                    inside = Some(index.scopes.len());
                    index.scopes.push(Scope { offset: at, parent });
                }
                Role::Function => {
                    if let Some(low) = abbrev.low_pc.and_then(|low| number(bytes, values + low, 8))
                    {
                        index.functions.push((low, at));
                    }
                }
                Role::Variable => {
                    if let Some(location) = abbrev.location
                        && bytes.get(values + location) == Some(&9)
                        && bytes.get(values + location + 1) == Some(&DW_OP_addr.0)
                        && let Some(address) = number(bytes, values + location + 2, 8)
                    {
                        index.statics.push((address, at));
                    }
                }
                Role::Other => {}
            }
            if abbrev.has_children {
                around.push(inside);
            }
            at = next;
        }
        index
    }
}
