//! The rules of the return addresses met so far.
use std::sync::atomic::{AtomicU64, Ordering};

use super::rule::{PackedRule, RULE_BITS};

/// The number of entries, as a power of two.
pub(super) const INDEX_BITS: u32 = 14;
const ENTRIES: usize = 1 << INDEX_BITS;

/// Addresses of the lower half, which is user space, have 47 bits.
const ADDRESS_BITS: u32 = 47;

// An entry's tag and rule share one word.
const _: () = assert!(ADDRESS_BITS - INDEX_BITS + RULE_BITS == u64::BITS);

/// A direct-mapped cache without locks. Each entry is one atomic word that holds the rule in its low 31 bits and,
/// above, the bits of the address that the entry's index leaves open; so an entry is right or belongs to another
/// address, but is never half of each. 0 is an empty entry: as a rule it has a CFA offset of 0, which no walk accepts.
///
/// The index is `(address ^ address >> INDEX_BITS) % ENTRIES` and the tag `address >> INDEX_BITS`: together they give
/// the address back. The loop in `follow.rs` does the look-up in assembler.
pub(super) struct RuleCache {
    entries: [AtomicU64; ENTRIES],
}

/// The one cache of the process: 128 KiB, of which only the touched pages exist.
pub(super) static RULES: RuleCache = RuleCache {
    entries: [const { AtomicU64::new(0) }; ENTRIES],
};

impl RuleCache {
    /// The entries, for the assembler loop.
    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *const AtomicU64 {
        self.entries.as_ptr()
    }

    /// The rule of an address, if it is kept.
    pub(super) fn get(&self, address: usize) -> Option<PackedRule> {
        let tag = address >> INDEX_BITS;
        let entry = self.entries[(address ^ tag) % ENTRIES].load(Ordering::Relaxed);
        // An empty entry has the tag of the lowest addresses, where no code is.
        (tag != 0 && entry >> RULE_BITS == tag as u64)
            .then_some(PackedRule(entry as u32 & ((1 << RULE_BITS) - 1)))
    }

    /// Keeps the rule of an address, in place of another address's.
    pub(super) fn insert(&self, address: usize, rule: PackedRule) {
        debug_assert_eq!(address >> ADDRESS_BITS, 0);
        let tag = address >> INDEX_BITS;
        let entry = (tag as u64) << RULE_BITS | u64::from(rule.0);
        // An entry depends on no other memory, so no ordering is needed.
        self.entries[(address ^ tag) % ENTRIES].store(entry, Ordering::Relaxed);
    }
}

/// Whether an address can be in the cache.
pub(super) fn is_cacheable(address: usize) -> bool {
    address >> ADDRESS_BITS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_for_one_address() {
        let cache = Box::new(RuleCache {
            entries: [const { AtomicU64::new(0) }; ENTRIES],
        });
        let address = 0x7f12_3456_789a;
        let rule = PackedRule(0x7edc_ba98);
        assert_eq!(cache.get(address), None);
        cache.insert(address, rule);
        assert_eq!(cache.get(address), Some(rule));
        for bit in 0..ADDRESS_BITS {
            assert_eq!(cache.get(address ^ 1 << bit), None, "bit {bit}");
        }
        // The same index, another tag.
        let other = address ^ (1 << 20 | 1 << (20 - INDEX_BITS));
        cache.insert(other, PackedRule(1));
        assert_eq!(cache.get(other), Some(PackedRule(1)));
        assert_eq!(cache.get(address), None);
    }

    #[test]
    fn low_addresses_are_never_known() {
        assert_eq!(RULES.get(0), None);
        assert_eq!(RULES.get(100), None);
    }
}
