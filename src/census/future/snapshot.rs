//! A copy of the memory that one task was read from.

use super::super::memory;
use std::ops::Range;

/// No future, and nothing in one, is longer than this.
const LONGEST: u64 = 1 << 24;

/// Copies of memory. What was read once reads the same again, and in the end one can see whether it is still so.
#[derive(Debug, Default)]
pub(in crate::census) struct Snapshot {
    regions: Vec<(u64, Vec<u8>)>,
}

impl Snapshot {
    /// A copy that was made before.
    pub(in crate::census) fn of(address: u64, bytes: Vec<u8>) -> Self {
        Self {
            regions: vec![(address, bytes)],
        }
    }

    /// What is at an address; none if it can't be read.
    pub(in crate::census) fn bytes(&mut self, address: u64, length: u64) -> Option<&[u8]> {
        if length > LONGEST {
            return None;
        }
        let end = address.checked_add(length)?;
        let known = self.regions.iter().position(|(start, bytes)| {
            *start <= address && end <= start.saturating_add(bytes.len() as u64)
        });
        let known = match known {
            Some(known) => known,
            None => {
                let mut bytes = vec![0; length as usize];
                if !memory::read(address, &mut bytes) {
                    return None;
                }
                self.regions.push((address, bytes));
                self.regions.len() - 1
            }
        };
        let (start, bytes) = &self.regions[known];
        let from = (address - start) as usize;
        bytes.get(from..from + length as usize)
    }

    /// A number of up to eight bytes.
    pub(in crate::census) fn number(&mut self, address: u64, size: u64) -> Option<u64> {
        if size > 8 {
            return None;
        }
        let mut value = [0; 8];
        value[..size as usize].copy_from_slice(self.bytes(address, size)?);
        Some(u64::from_le_bytes(value))
    }

    /// Whether all of it is as it was: then it was so all the time between, but for changes taken back.
    pub(in crate::census) fn still_holds(&self) -> bool {
        self.still_holds_within(0..u64::MAX)
    }

    /// The same of what was read from there.
    pub(in crate::census) fn still_holds_within(&self, range: Range<u64>) -> bool {
        let regions: Vec<_> = self
            .regions
            .iter()
            .filter(|(start, _)| range.contains(start))
            .collect();
        let parts: Vec<_> = regions
            .iter()
            .map(|(start, bytes)| (*start, bytes.len()))
            .collect();
        let Some(now) = memory::read_parts(&parts) else {
            return false;
        };
        let mut rest = now.as_slice();
        regions.iter().all(|(_, bytes)| {
            let (now, after) = rest.split_at(bytes.len());
            rest = after;
            now == bytes.as_slice()
        })
    }
}
