//! Which way to walk.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
use super::cfi;
#[cfg(all(
    any(
        all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")),
        all(target_arch = "x86_64", target_os = "macos"),
    ),
    not(miri)
))]
use super::frame_pointer;
use super::unwinder;
use crate::stack::addresses::Addresses;

/// A way to walk the calling thread's stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walker {
    /// Cached call frame information: x86-64 Linux.
    #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
    Cfi,
    /// The chain of frame pointers: aarch64 Linux and macOS, x86-64 macOS.
    #[cfg(all(
        any(
            all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")),
            all(target_arch = "x86_64", target_os = "macos"),
        ),
        not(miri)
    ))]
    FramePointer,
    /// The platform's unwinder, through the `backtrace` crate. Everywhere; slow.
    Unwinder,
}

impl Walker {
    /// The walkers of this target, the fastest first.
    pub const ALL: &[Self] = &[
        #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
        Self::Cfi,
        #[cfg(all(
            any(
                all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")),
                all(target_arch = "x86_64", target_os = "macos"),
            ),
            not(miri)
        ))]
        Self::FramePointer,
        Self::Unwinder,
    ];

    /// The fastest walker of this target.
    pub const BEST: Self = Self::ALL[0];

    /// Appends the return addresses of the function that this call is written in (or inlined into), that is the
    /// stack from its caller on. False if the walker cannot vouch for the whole stack; the contents of `addresses`
    /// are of no use then.
    #[inline(always)]
    pub fn walk(self, addresses: &mut Addresses) -> bool {
        match self {
            #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
            Self::Cfi => cfi::walk(addresses),
            #[cfg(all(
                any(
                    all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos")),
                    all(target_arch = "x86_64", target_os = "macos"),
                ),
                not(miri)
            ))]
            Self::FramePointer => frame_pointer::walk(addresses),
            Self::Unwinder => unwinder::walk(addresses),
        }
    }

    /// Whether the walker can be told where to stop.
    pub(crate) const fn is_bounded(self) -> bool {
        #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
        return matches!(self, Self::Cfi);
        #[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(miri))))]
        false
    }

    /// The same, no further than to the function whose stack pointer is `end`, which is the last one then. False also
    /// if the walker cannot be told so.
    #[inline(always)]
    pub(crate) fn walk_to(self, end: usize, addresses: &mut Addresses) -> bool {
        #[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
        if self == Self::Cfi {
            return cfi::walk_to(end, addresses);
        }
        let _ = (end, addresses);
        false
    }
}
