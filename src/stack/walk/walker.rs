//! Which way to walk.
use super::super::addresses::Addresses;
use super::unwinder;

/// A way to walk the calling thread's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walker {
    /// The platform's unwinder, through the `backtrace` crate. Everywhere; slow.
    Unwinder,
}

impl Walker {
    /// The fastest walker of this target.
    pub const BEST: Self = Self::Unwinder;

    /// Appends the return addresses of the function that this call is written in (or inlined into), that is the
    /// stack from its caller on. False if the walker cannot vouch for the whole stack; the contents of `addresses`
    /// are of no use then.
    #[inline(always)]
    pub fn walk(self, addresses: &mut Addresses) -> bool {
        match self {
            Self::Unwinder => unwinder::walk(addresses),
        }
    }
}
