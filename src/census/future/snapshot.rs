//! A copy of the memory that one task was read from.

use super::super::memory;
use std::collections::BTreeMap;
use std::ops::Range;

/// No future, and nothing in one, is longer than this.
const LONGEST: u64 = 1 << 24;

/// Copies of memory. What was read once reads the same again, and in the end one can see whether it is still so.
#[derive(Debug, Default)]
pub(in crate::census) struct Snapshot {
    /// By their addresses. None lies within another, so that the later one begins, the later it ends.
    regions: BTreeMap<u64, Vec<u8>>,
}

impl Snapshot {
    /// A copy that was made before.
    pub(in crate::census) fn of(address: u64, bytes: Vec<u8>) -> Self {
        Self {
            regions: BTreeMap::from([(address, bytes)]),
        }
    }

    /// What is at an address; none if it can't be read.
    pub(in crate::census) fn bytes(&mut self, address: u64, length: u64) -> Option<&[u8]> {
        if length > LONGEST {
            return None;
        }
        let end = address.checked_add(length)?;
        if !self.is_known(address, end) {
            let mut bytes = vec![0; length as usize];
            if !memory::read(address, &mut bytes) {
                return None;
            }
            self.add(address, bytes);
        }
        let (start, bytes) = self.regions.range(..=address).next_back()?;
        let from = (address - start) as usize;
        bytes.get(from..from + length as usize)
    }

    fn is_known(&self, address: u64, end: u64) -> bool {
        let region = self.regions.range(..=address).next_back();
        region.is_some_and(|(start, bytes)| end <= end_of(*start, bytes))
    }

    /// Takes what lies within it from the older copies.
    fn add(&mut self, address: u64, mut bytes: Vec<u8>) {
        let end = end_of(address, &bytes);
        while let Some((start, within)) = self.regions.range(address..end).next()
            && end_of(*start, within) <= end
        {
            let (start, from) = (*start, (*start - address) as usize);
            bytes[from..from + within.len()].copy_from_slice(within);
            self.regions.remove(&start);
        }
        self.regions.insert(address, bytes);
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
            .map(|(start, bytes)| (**start, bytes.len()))
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

fn end_of(start: u64, bytes: &[u8]) -> u64 {
    start.saturating_add(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_once_reads_the_same_however_it_is_read() {
        memory::begin();
        let mut there: Vec<u8> = (0..64).collect();
        let at = there.as_ptr().addr() as u64;
        let mut snapshot = Snapshot::default();
        for (from, length) in [(8, 4), (20, 4), (10, 6), (8, 8), (40, 1)] {
            let expected: Vec<_> = (from..from + length).map(|byte| byte as u8).collect();
            assert_eq!(snapshot.bytes(at + from, length), Some(&*expected));
        }
        assert!(snapshot.still_holds());
        there.fill(0xff);
        assert!(!snapshot.still_holds());
        assert_eq!(
            snapshot.bytes(at + 8, 8),
            Some(&[8, 9, 10, 11, 12, 13, 14, 15][..])
        );
        let all = snapshot.bytes(at, 64).unwrap().to_vec();
        assert_eq!(
            (all[0], all[9], all[22], all[40], all[41]),
            (0xff, 9, 22, 40, 0xff)
        );
        assert_eq!(snapshot.regions.len(), 1);
        assert_eq!(
            snapshot.number(at + 22, 2),
            Some(u64::from(23_u8) << 8 | 22)
        );
        assert!(!snapshot.still_holds());
    }
}
