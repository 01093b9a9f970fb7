//! Maps whose keys are numbers: ids, addresses.
//!
//! The standard library's hasher keeps those out who could choose keys that collide. Nobody chooses
//! these, and a verdict on ten thousand tasks looks up each of them several times.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by keys that are numbers, or some numbers.
pub(crate) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<Numbers>>;

/// 2^64 divided by the golden ratio, made odd: spreads consecutive numbers.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes numbers.
#[derive(Default)]
pub(crate) struct Numbers(u64);

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        // The product's high half is the well mixed one, and the map takes bits from both ends.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(SPREAD);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, BuildHasherDefault};

    #[test]
    fn consecutive_numbers_and_ids_have_hashes_of_their_own() {
        let build = BuildHasherDefault::<Numbers>::default();
        let consecutive = (0..10_000_u64).map(|number| build.hash_one(number));
        let ids = (0..10_000_u64).map(|number| build.hash_one(number | 7 << 40));
        for hashes in [consecutive.collect::<Vec<_>>(), ids.collect()] {
            // As a map of twice as many places takes them.
            let places: std::collections::HashSet<_> =
                hashes.iter().map(|hash| hash % (1 << 14)).collect();
            assert!(places.len() > 6_000, "{}", places.len());
        }
    }
}
