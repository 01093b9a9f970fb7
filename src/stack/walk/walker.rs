//! Which way to walk.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
use super::cfi;
use super::unwinder;
use crate::stack::addresses::Addresses;

/// A way to walk the calling thread's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walker {
    /// Cached call frame information: x86-64 Linux.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    Cfi,
    /// The platform's unwinder, through the `backtrace` crate. Everywhere; slow.
    Unwinder,
}

impl Walker {
    /// The fastest walker of this target.
    pub const BEST: Self = cfg_select_best();

    /// Appends the return addresses of the function that this call is written in (or inlined into), that is the
    /// stack from its caller on. False if the walker cannot vouch for the whole stack; the contents of `addresses`
    /// are of no use then.
    #[inline(always)]
    pub fn walk(self, addresses: &mut Addresses) -> bool {
        match self {
            #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
            Self::Cfi => cfi::walk(addresses),
            Self::Unwinder => unwinder::walk(addresses),
        }
    }
}

const fn cfg_select_best() -> Walker {
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    {
        Walker::Cfi
    }
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
    {
        Walker::Unwinder
    }
}
