//! What the entries of a unit look like, with what is needed to stride over them.

use super::image::Image;
use gimli::{AttributeSpecification, DebugAbbrev, DebugAbbrevOffset, DwAt, DwForm, DwTag};
use gimli::{EndianSlice, LittleEndian, constants};

/// How many bytes an attribute takes, where that can be told before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Fixed(usize),
    /// A number in LEB128.
    Leb,
    /// As many bytes as a number in LEB128 says.
    Block,
    /// The same with a number of this size.
    SizedBlock(usize),
    /// A string up to its zero.
    Text,
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: DwAt,
    pub(super) form: DwForm,
    pub(super) implicit: i64,
}

/// What an entry is to a walk through its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A namespace or a type: part of the paths of what is inside.
    Scope,
    Function,
    Variable,
    Other,
}

#[derive(Debug)]
pub(super) struct Abbrev {
    pub(super) tag: DwTag,
    pub(super) role: Role,
    pub(super) has_children: bool,
    pub(super) attributes: Vec<Attribute>,
    /// The attributes' sizes, neighbours of fixed size as one.
    pub(super) steps: Vec<Step>,
    /// Where `DW_AT_low_pc` is, if only attributes of fixed size are before it.
    pub(super) low_pc: Option<usize>,
    /// The same of a `DW_AT_location` that is an expression.
    pub(super) location: Option<usize>,
}

/// The abbreviations of a unit, by their codes.
#[derive(Debug)]
pub(super) struct Abbrevs(Vec<Option<Abbrev>>);

/// More than this no abbreviation table has; a longer one is nonsense.
const MOST: usize = 1 << 16;

impl Abbrevs {
    pub(super) fn read(image: &Image, offset: u64, version: u16) -> Option<Self> {
        let section = image.section(".debug_abbrev")?;
        // How long the table is cannot be known before; most are far shorter than this.
        let mut length = 1 << 14;
        loop {
            let rest = section.size.checked_sub(offset)?;
            let bytes = image.read_in(section, offset, rest.min(length) as usize)?;
            if let Some(table) = Self::parse(&bytes, version) {
                return Some(table);
            }
            if length >= rest {
                return None;
            }
            length *= 4;
        }
    }

    fn parse(bytes: &[u8], version: u16) -> Option<Self> {
        let table = DebugAbbrev::from(EndianSlice::new(bytes, LittleEndian))
            .abbreviations(DebugAbbrevOffset(0))
            .ok()?;
        let mut by_code = vec![None];
        // Compilers number them from one on.
        for code in 1..MOST as u64 {
            let Some(abbrev) = table.get(code) else { break };
            let abbrev = Abbrev::new(
                abbrev.tag(),
                abbrev.has_children(),
                abbrev.attributes(),
                version,
            )?;
            by_code.push(Some(abbrev));
        }
        Some(Self(by_code))
    }

    pub(super) fn get(&self, code: u64) -> Option<&Abbrev> {
        self.0.get(usize::try_from(code).ok()?)?.as_ref()
    }
}

impl Abbrev {
    fn new(
        tag: DwTag,
        has_children: bool,
        specifications: &[AttributeSpecification],
        version: u16,
    ) -> Option<Self> {
        use constants::*;
        let role = match tag {
            DW_TAG_namespace
            | DW_TAG_structure_type
            | DW_TAG_union_type
            | DW_TAG_enumeration_type => Role::Scope,
            DW_TAG_subprogram => Role::Function,
            DW_TAG_variable => Role::Variable,
            _ => Role::Other,
        };
        let mut abbrev = Self {
            tag,
            role,
            has_children,
            attributes: Vec::new(),
            steps: Vec::new(),
            low_pc: None,
            location: None,
        };
        for specification in specifications {
            let (name, form) = (specification.name(), specification.form());
            let before = match abbrev.steps.as_slice() {
                [] => Some(0),
                [Step::Fixed(size)] => Some(*size),
                _ => None,
            };
            if name == constants::DW_AT_low_pc && form == constants::DW_FORM_addr {
                abbrev.low_pc = before;
            }
            if name == constants::DW_AT_location && form == constants::DW_FORM_exprloc {
                abbrev.location = before;
            }
            let step = step(form, version)?;
            match (abbrev.steps.last_mut(), step) {
                (Some(Step::Fixed(size)), Step::Fixed(more)) => *size += more,
                _ => abbrev.steps.push(step),
            }
            abbrev.attributes.push(Attribute {
                name,
                form,
                implicit: specification.implicit_const_value().unwrap_or(0),
            });
        }
        Some(abbrev)
    }
}

pub(super) fn step(form: DwForm, version: u16) -> Option<Step> {
    use constants::*;
    Some(match form {
        DW_FORM_flag_present | DW_FORM_implicit_const => Step::Fixed(0),
        DW_FORM_data1 | DW_FORM_ref1 | DW_FORM_flag | DW_FORM_strx1 | DW_FORM_addrx1 => {
            Step::Fixed(1)
        }
        DW_FORM_data2 | DW_FORM_ref2 | DW_FORM_strx2 | DW_FORM_addrx2 => Step::Fixed(2),
        DW_FORM_strx3 | DW_FORM_addrx3 => Step::Fixed(3),
        DW_FORM_data4 | DW_FORM_ref4 | DW_FORM_strp | DW_FORM_sec_offset | DW_FORM_line_strp
        | DW_FORM_strx4 | DW_FORM_addrx4 | DW_FORM_ref_sup4 | DW_FORM_strp_sup => Step::Fixed(4),
        DW_FORM_ref_addr => Step::Fixed(if version <= 2 { 8 } else { 4 }),
        DW_FORM_addr | DW_FORM_data8 | DW_FORM_ref8 | DW_FORM_ref_sig8 => Step::Fixed(8),
        DW_FORM_data16 => Step::Fixed(16),
        DW_FORM_udata | DW_FORM_sdata | DW_FORM_ref_udata | DW_FORM_strx | DW_FORM_addrx
        | DW_FORM_loclistx | DW_FORM_rnglistx => Step::Leb,
        DW_FORM_exprloc | DW_FORM_block => Step::Block,
        DW_FORM_block1 => Step::SizedBlock(1),
        DW_FORM_block2 => Step::SizedBlock(2),
        DW_FORM_block4 => Step::SizedBlock(4),
        DW_FORM_string => Step::Text,
        _ => return None,
    })
}
