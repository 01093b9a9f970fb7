//! An append-only table whose entries never move.
use std::sync::OnceLock;

/// Entries of the first chunk; each further chunk is twice as long.
const FIRST_CHUNK: usize = 64;

/// Enough chunks for every `u32` index.
const CHUNKS: usize = 27;

type Chunk<T> = Box<[OnceLock<T>]>;

/// Maps indices to values that are written once and stay for good, so that readers need no lock.
pub(super) struct Chunks<T> {
    chunks: [OnceLock<Chunk<T>>; CHUNKS],
}

impl<T> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
        }
    }

    /// The value at `index`, if it has been written.
    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (chunk, offset) = position(index);
        self.chunks.get(chunk)?.get()?.get(offset)?.get()
    }

    /// Writes the value at `index`; false if there is one already.
    pub(super) fn set(&self, index: u32, value: T) -> bool {
        let (chunk, offset) = position(index);
        let Some(chunk) = self.chunks.get(chunk) else {
            return false;
        };
        let entries = chunk.get_or_init(|| {
            let len = FIRST_CHUNK << position(index).0;
            (0..len).map(|_| OnceLock::new()).collect()
        });
        entries[offset].set(value).is_ok()
    }
}

/// Which chunk an index is in, and where in it.
#[inline]
fn position(index: u32) -> (usize, usize) {
    let shifted = index as usize + FIRST_CHUNK;
    let chunk = (shifted.ilog2() - FIRST_CHUNK.ilog2()) as usize;
    (chunk, shifted - (FIRST_CHUNK << chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_dense_and_in_order() {
        let mut expected = (0, 0);
        for index in 0..10_000 {
            assert_eq!(position(index), expected, "index {index}");
            expected.1 += 1;
            if expected.1 == FIRST_CHUNK << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
    }

    #[test]
    fn the_last_index_has_a_chunk() {
        assert!(position(u32::MAX).0 < CHUNKS);
    }

    #[test]
    fn a_value_is_written_once() {
        let chunks = Chunks::new();
        assert_eq!(chunks.get(70), None);
        assert!(chunks.set(70, "first"));
        assert!(!chunks.set(70, "second"));
        assert_eq!(chunks.get(70), Some(&"first"));
        assert_eq!(chunks.get(71), None);
    }
}
