//! An append-only table: entries are made in chunks, never move and are never freed, so a shared
//! reference to one lives as long as the table.

use std::sync::OnceLock;

/// Entries of the first chunk; each further chunk is twice as long as the one before it.
const FIRST: u32 = 64;
/// Enough chunks for every `u32` index: 64 * (2^26 - 1) entries.
const CHUNKS: usize = 26;

pub(super) struct Table<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T> Table<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// The entry at `index`, if its chunk has been made.
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (chunk, offset) = place(index);
        // The last indices lie beyond the last chunk: nobody is given one, but some are asked for.
        Some(&self.chunks.get(chunk)?.get()?[offset])
    }

    /// The chunk that begins at or holds `index`, made now if need be: `make` is told each index.
    pub(super) fn grow(&self, index: u32, make: impl Fn(u32) -> T) -> &[T] {
        let (chunk, _) = place(index);
        self.chunks[chunk].get_or_init(|| {
            let start = FIRST * ((1 << chunk) - 1);
            (start..start + (FIRST << chunk)).map(make).collect()
        })
    }

    /// Every entry made so far.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks
            .iter()
            .map_while(OnceLock::get)
            .flat_map(|chunk| chunk.iter())
    }
}

fn place(index: u32) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2();
    (
        chunk as usize,
        (index - FIRST * ((1 << chunk) - 1)) as usize,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_one_place() {
        let mut expected = (0, 0);
        for index in 0..100_000 {
            assert_eq!(place(index), expected, "index {index}");
            expected.1 += 1;
            if expected.1 == (FIRST as usize) << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert!(place(u32::MAX - FIRST).0 < CHUNKS);
    }

    #[test]
    fn entries_know_their_index() {
        let table = Table::new();
        assert!(table.get(0).is_none());
        assert_eq!(table.grow(64, |index| index).len(), 128);
        assert!(table.get(63).is_none());
        assert_eq!(table.get(64), Some(&64));
        assert_eq!(table.get(191), Some(&191));
        assert!(table.get(u32::MAX).is_none());
    }
}
