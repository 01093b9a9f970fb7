//! An append-only table: entries are made in chunks, never move and are never freed, so a shared
//! reference to one lives as long as the table.

use std::sync::OnceLock;

/// Entries of the first chunk; each further chunk is twice as long as the one before it.
const FIRST: u64 = 64;
/// Enough chunks for every `u32` index.
const CHUNKS: usize = 27;

pub(crate) struct Table<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// The entry at `index`, if its chunk has been made.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let (chunk, offset) = place(index);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    /// The chunk that begins at or holds `index`, made now if need be: `make` is told each index.
    pub(crate) fn grow(&self, index: u32, make: impl Fn(u32) -> T) -> &[T] {
        let (chunk, _) = place(index);
        self.chunks[chunk].get_or_init(|| {
            let start = start(chunk);
            let indices = (start..start + (FIRST << chunk)).map(|index| index as u32);
            indices.map(make).collect()
        })
    }

    /// Every entry made so far. Chunks are made in any order: there may be one after some that are not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().filter_map(OnceLock::get).flatten()
    }

    /// The same with their indices.
    pub(crate) fn indexed(&self) -> impl Iterator<Item = (usize, &T)> {
        let chunks = self.chunks.iter().enumerate();
        chunks.flat_map(|(chunk, entries)| {
            let entries = entries.get().into_iter().flatten();
            (start(chunk) as usize..).zip(entries)
        })
    }
}

/// The first index in a chunk.
fn start(chunk: usize) -> u64 {
    FIRST * ((1 << chunk) - 1)
}

/// Which chunk an index is in, and where in it.
#[inline]
fn place(index: u32) -> (usize, usize) {
    let shifted = u64::from(index) + FIRST;
    let chunk = shifted.ilog2() - FIRST.ilog2();
    (chunk as usize, (shifted - (FIRST << chunk)) as usize)
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
        assert!(place(u32::MAX).0 < CHUNKS);
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

    #[test]
    fn what_comes_after_a_chunk_that_was_never_made_is_found() {
        let table = Table::new();
        table.grow(700, |index| index);
        table.grow(70, |index| index);
        let expected = || (64..192).chain(448..960);
        assert!(table.iter().copied().eq(expected()));
        assert!(
            table
                .indexed()
                .all(|(index, &entry)| index == entry as usize)
        );
        assert!(table.indexed().map(|(_, &entry)| entry).eq(expected()));
    }
}
