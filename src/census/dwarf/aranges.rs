//! Which unit describes an address.

use super::image::Image;

/// `.debug_aranges`, searched in place: a census asks for few addresses.
#[derive(Debug)]
pub(super) struct Aranges {
    bytes: Vec<u8>,
    /// Per set: where its tuples begin and end, and which unit it is about.
    sets: Vec<Set>,
}

#[derive(Clone, Copy, Debug)]
struct Set {
    start: usize,
    end: usize,
    unit: u64,
}

impl Aranges {
    pub(super) fn read(image: &Image) -> Option<Self> {
        let section = image.section(".debug_aranges")?;
        let bytes = image.read_in(section, 0, section.size as usize)?;
        let mut sets = Vec::new();
        let mut at = 0;
        while at + 12 <= bytes.len() {
            let length = u32_at(&bytes, at)? as usize;
            let end = at + 4 + length;
            // 64-bit DWARF, or nonsense.
            if length >= 0xffff_fff0 || end > bytes.len() {
                break;
            }
            let unit = u32_at(&bytes, at + 6)?.into();
            // Tuples are aligned to their own size.
            let start = at + (12_usize).next_multiple_of(16);
            if bytes[at + 10] == 8 && bytes[at + 11] == 0 && start <= end {
                sets.push(Set { start, end, unit });
            }
            at = end;
        }
        Some(Self { bytes, sets })
    }

    /// The offset in `.debug_info` of the unit that describes the address.
    pub(super) fn unit_at(&self, address: u64) -> Option<u64> {
        for set in &self.sets {
            for tuple in self.bytes[set.start..set.end].chunks_exact(16) {
                let start = u64::from_le_bytes(tuple[..8].try_into().ok()?);
                if start <= address {
                    let length = u64::from_le_bytes(tuple[8..].try_into().ok()?);
                    if address - start < length {
                        return Some(set.unit);
                    }
                }
            }
        }
        None
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
