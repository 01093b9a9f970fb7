//! Which stack allocated which block.

use super::cell;
use crate::stack::Stack;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Bits of an address that user space has, on the 64-bit targets there are.
const ADDRESS_BITS: u32 = 48;
/// Of these, the lowest are zero in every block's.
const ALIGN_BITS: u32 = cell::ALIGN.trailing_zeros();
/// What an entry has left for the stack's number: enough for millions of stacks.
const STACK_BITS: u32 = u64::BITS - (ADDRESS_BITS - ALIGN_BITS);

/// A cache line of entries.
#[repr(align(64))]
struct Bucket([AtomicU64; 8]);

/// With two places for each block this holds some 200 000 tasks before one is not noted. In memory are
/// the pages that have been written to.
const BUCKETS: usize = 1 << 15;

/// Maps the addresses of live blocks to the stacks that allocated them: a hash table of fixed size, in
/// which a block has its place in either of two buckets. It never allocates and has no lock, so it can be
/// used inside the allocator.
///
/// An entry is one word, the address and the stack's number, so who reads one reads a pair that belongs
/// together. One block's entry is never written by two at once: it is written by who has just been given the
/// block, and erased by who is about to give it back, and the allocator passes a block on only between.
pub(super) struct Sites {
    buckets: [Bucket; BUCKETS],
}

/// The one of the process, as is the global allocator.
pub(super) static SITES: Sites = Sites::new();

/// An address as an entry has it; `None` for one of more bits than expected.
#[inline]
fn key(address: usize) -> Option<u64> {
    let key = address as u64 >> ALIGN_BITS;
    (key != 0 && key < 1 << (ADDRESS_BITS - ALIGN_BITS)).then_some(key)
}

impl Sites {
    const fn new() -> Self {
        Self {
            buckets: [const { Bucket([const { AtomicU64::new(0) }; 8]) }; BUCKETS],
        }
    }

    /// The buckets that a block may be in.
    #[inline]
    fn places(&self, key: u64) -> [&Bucket; 2] {
        // The golden ratio's bits spread neighbouring blocks; two ranges of them are two hashes.
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        [49, 34].map(|shift| &self.buckets[(hash >> shift) as usize % BUCKETS])
    }

    /// Notes a block that was just allocated. Does nothing if there is no room for it.
    #[inline]
    pub(super) fn insert(&self, address: usize, stack: Stack) {
        let stack = u64::from(stack.to_bits());
        let Some(key) = key(address).filter(|_| stack < 1 << STACK_BITS) else {
            return;
        };
        let entry = key << STACK_BITS | stack;
        for place in self.places(key).into_iter().flat_map(|bucket| &bucket.0) {
            // Release, so that who reads the entry also reads the stack's record.
            if place.load(Relaxed) == 0
                && place.compare_exchange(0, entry, Release, Relaxed).is_ok()
            {
                return;
            }
        }
    }

    /// Forgets a block that is about to be freed, if it was noted.
    #[inline]
    pub(super) fn remove(&self, address: usize) {
        let Some(key) = key(address) else { return };
        for bucket in self.places(key) {
            for place in &bucket.0 {
                // Only who frees the block may change its entry, so it is still the same at the store.
                if place.load(Relaxed) >> STACK_BITS == key {
                    place.store(0, Release);
                    return;
                }
            }
        }
    }

    /// The stack that allocated a block, if it is noted.
    pub(super) fn get(&self, address: usize) -> Option<Stack> {
        let key = key(address)?;
        let entry = self
            .places(key)
            .into_iter()
            .flat_map(|bucket| &bucket.0)
            .map(|place| place.load(Acquire))
            .find(|entry| entry >> STACK_BITS == key)?;
        Stack::from_bits((entry & ((1 << STACK_BITS) - 1)) as u32)
    }
}

/// The stack that allocated the live block at this address, if it can be a task and was allocated while a guard
/// was open: for a task of tokio's, the address of its header, which its wakers carry too.
#[doc(hidden)]
pub fn spawn_backtrace(address: usize) -> Option<Stack> {
    SITES.get(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack;

    fn stack() -> Stack {
        stack::capture().expect("a stack can be captured here")
    }

    #[test]
    fn a_block_is_found_until_it_is_freed() {
        static SITES: Sites = Sites::new();
        let (sites, stack) = (&SITES, stack());
        assert_eq!(sites.get(0x7f00_0000_1000), None);
        sites.insert(0x7f00_0000_1000, stack);
        assert_eq!(sites.get(0x7f00_0000_1000), Some(stack));
        assert_eq!(sites.get(0x7f00_0000_1000 + cell::ALIGN), None);
        sites.remove(0x7f00_0000_1000 + cell::ALIGN);
        assert_eq!(sites.get(0x7f00_0000_1000), Some(stack));
        sites.remove(0x7f00_0000_1000);
        assert_eq!(sites.get(0x7f00_0000_1000), None);
    }

    #[test]
    fn a_hundred_thousand_blocks_have_room() {
        static SITES: Sites = Sites::new();
        let (sites, stack) = (&SITES, stack());
        let blocks = || (0..100_000).map(|block| 0x7f12_3400_0000 + block * 2 * cell::ALIGN);
        blocks().for_each(|block| sites.insert(block, stack));
        assert!(blocks().all(|block| sites.get(block) == Some(stack)));
        blocks().for_each(|block| sites.remove(block));
        assert!(blocks().all(|block| sites.get(block).is_none()));
    }

    #[test]
    fn more_than_there_is_room_for_is_not_noted() {
        static SITES: Sites = Sites::new();
        let (sites, stack) = (&SITES, stack());
        let blocks = || (1..=9 * BUCKETS).map(|block| block * cell::ALIGN);
        blocks().for_each(|block| sites.insert(block, stack));
        let noted = blocks().filter(|block| sites.get(*block).is_some()).count();
        assert!((BUCKETS * 7..=BUCKETS * 8).contains(&noted), "{noted}");
    }

    #[test]
    fn an_address_out_of_range_is_not_noted() {
        static SITES: Sites = Sites::new();
        let (sites, stack) = (&SITES, stack());
        let beyond = usize::MAX / cell::ALIGN * cell::ALIGN;
        sites.insert(beyond, stack);
        assert_eq!(sites.get(beyond), None);
        sites.insert(0, stack);
        assert_eq!(sites.get(0), None);
    }

    /// Threads that allocate and free at once do not lose or mix up each other's blocks.
    #[test]
    fn by_several_threads() {
        static SITES: Sites = Sites::new();
        let sites = &SITES;
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                scope.spawn(move || {
                    let stack = stack();
                    for round in 0..2_000 {
                        let block = |at: usize| (1 + at * 4 + thread) * cell::ALIGN;
                        (0..8).for_each(|at| sites.insert(block(at), stack));
                        for at in 0..8 {
                            assert_eq!(sites.get(block(at)), Some(stack), "round {round}");
                            sites.remove(block(at));
                        }
                    }
                });
            }
        });
    }
}
