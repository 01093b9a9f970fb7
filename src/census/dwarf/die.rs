//! Entries of the debug info.

use super::abbrevs::{Abbrev, Abbrevs, Step, step};
use gimli::constants::*;
use gimli::{DwAt, DwTag};

/// The value of an attribute, as far as it can be told without other sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    /// Signed, and so to be cut to the size of what it is compared with.
    Signed(i64),
    /// In `.debug_str`.
    Text(u64),
    /// In `.debug_line_str`.
    LineText(u64),
    /// The n-th string of the unit.
    TextIndex(u64),
    /// The n-th address of the unit.
    AddressIndex(u64),
    /// In this unit.
    Here(usize),
    /// In `.debug_info`.
    Anywhere(u64),
    /// Bytes of the unit: an expression, or a string.
    Bytes(usize, usize),
}

/// One entry.
#[derive(Debug)]
pub(super) struct Die<'a> {
    pub(super) tag: DwTag,
    pub(super) has_children: bool,
    /// Where the next entry begins: its first child, if it has any.
    pub(super) next: usize,
    abbrev: &'a Abbrev,
    bytes: &'a [u8],
    values: usize,
    version: u16,
}

/// A LEB128 number and where it ends.
pub(super) fn leb(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        if shift < 64 {
            value |= u64::from(byte & 0x7f) << shift;
        }
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
        shift += 7;
    }
}

fn signed_leb(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (value, end) = leb(bytes, at)?;
    let bits = 7 * (end - at) as u32;
    let is_negative = bytes[end - 1] & 0x40 != 0;
    let fill = if is_negative && bits < 64 {
        u64::MAX << bits
    } else {
        0
    };
    Some(((value | fill) as i64, end))
}

/// A little-endian number of up to eight bytes.
pub(super) fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let mut value = [0; 8];
    value
        .get_mut(..size)?
        .copy_from_slice(bytes.get(at..at + size)?);
    Some(u64::from_le_bytes(value))
}

fn after_step(bytes: &[u8], at: usize, step: Step) -> Option<usize> {
    Some(match step {
        Step::Fixed(size) => at + size,
        Step::Leb => leb(bytes, at)?.1,
        Step::Block => {
            let (length, start) = leb(bytes, at)?;
            start.checked_add(usize::try_from(length).ok()?)?
        }
        Step::SizedBlock(size) => {
            let length = number(bytes, at, size)?;
            (at + size).checked_add(usize::try_from(length).ok()?)?
        }
        Step::Text => at + bytes.get(at..)?.iter().position(|byte| *byte == 0)? + 1,
    })
}

/// What an entry is, without its values: the abbreviation, where its values begin and where they end. None in the middle
/// is the end of a list of children.
#[inline]
pub(super) fn stride<'a>(
    bytes: &[u8],
    abbrevs: &'a Abbrevs,
    at: usize,
) -> Option<(Option<&'a Abbrev>, usize, usize)> {
    let first = *bytes.get(at)?;
    let (code, values) = if first < 0x80 {
        (u64::from(first), at + 1)
    } else {
        leb(bytes, at)?
    };
    if code == 0 {
        return Some((None, values, values));
    }
    let abbrev = abbrevs.get(code)?;
    let mut end = values;
    for step in &abbrev.steps {
        end = match step {
            Step::Fixed(size) => end + size,
            step => after_step(bytes, end, *step)?,
        };
    }
    Some((Some(abbrev), values, end))
}

impl<'a> Die<'a> {
    /// The entry at an offset; none at the end of a list of children, and where nothing can be read.
    pub(super) fn at(
        bytes: &'a [u8],
        abbrevs: &'a Abbrevs,
        at: usize,
        version: u16,
    ) -> Option<Self> {
        let (abbrev, values, next) = stride(bytes, abbrevs, at)?;
        let abbrev = abbrev?;
        Some(Self {
            tag: abbrev.tag,
            has_children: abbrev.has_children,
            next,
            abbrev,
            bytes,
            values,
            version,
        })
    }

    pub(super) fn has(&self, name: DwAt) -> bool {
        self.abbrev
            .attributes
            .iter()
            .any(|attribute| attribute.name == name)
    }

    pub(super) fn get(&self, name: DwAt) -> Option<Value> {
        let mut at = self.values;
        for attribute in &self.abbrev.attributes {
            if attribute.name == name {
                return self.value(at, attribute.form, attribute.implicit);
            }
            at = after_step(self.bytes, at, step(attribute.form, self.version)?)?;
        }
        None
    }

    /// The same where only a number makes sense.
    pub(super) fn number(&self, name: DwAt) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    fn value(&self, at: usize, form: gimli::DwForm, implicit: i64) -> Option<Value> {
        let bytes = self.bytes;
        let fixed = |size| number(bytes, at, size);
        Some(match form {
            DW_FORM_flag_present => Value::Number(1),
            DW_FORM_implicit_const => Value::Signed(implicit),
            DW_FORM_data1 | DW_FORM_flag => Value::Number(fixed(1)?),
            DW_FORM_data2 => Value::Number(fixed(2)?),
            DW_FORM_data4 | DW_FORM_sec_offset => Value::Number(fixed(4)?),
            DW_FORM_data8 | DW_FORM_addr => Value::Number(fixed(8)?),
            DW_FORM_udata => Value::Number(leb(bytes, at)?.0),
            DW_FORM_sdata => Value::Signed(signed_leb(bytes, at)?.0),
            DW_FORM_strp => Value::Text(fixed(4)?),
            DW_FORM_line_strp => Value::LineText(fixed(4)?),
            DW_FORM_strx => Value::TextIndex(leb(bytes, at)?.0),
            DW_FORM_strx1 => Value::TextIndex(fixed(1)?),
            DW_FORM_strx2 => Value::TextIndex(fixed(2)?),
            DW_FORM_strx3 => Value::TextIndex(fixed(3)?),
            DW_FORM_strx4 => Value::TextIndex(fixed(4)?),
            DW_FORM_addrx => Value::AddressIndex(leb(bytes, at)?.0),
            DW_FORM_addrx1 => Value::AddressIndex(fixed(1)?),
            DW_FORM_addrx2 => Value::AddressIndex(fixed(2)?),
            DW_FORM_addrx3 => Value::AddressIndex(fixed(3)?),
            DW_FORM_addrx4 => Value::AddressIndex(fixed(4)?),
            DW_FORM_ref1 => Value::Here(fixed(1)? as usize),
            DW_FORM_ref2 => Value::Here(fixed(2)? as usize),
            DW_FORM_ref4 => Value::Here(fixed(4)? as usize),
            DW_FORM_ref8 => Value::Here(fixed(8)? as usize),
            DW_FORM_ref_udata => Value::Here(leb(bytes, at)?.0 as usize),
            DW_FORM_ref_addr => Value::Anywhere(fixed(4)?),
            DW_FORM_exprloc | DW_FORM_block => {
                let (length, start) = leb(bytes, at)?;
                Value::Bytes(start, start.checked_add(length as usize)?)
            }
            DW_FORM_string => {
                let end = after_step(bytes, at, Step::Text)?;
                Value::Bytes(at, end - 1)
            }
            _ => return None,
        })
    }
}
