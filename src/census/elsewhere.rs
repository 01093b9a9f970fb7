//! Where there is no census.

use super::{InList, SeenTask, Unavailable};
use crate::wait::RuntimeKind;
use tokio::runtime::Handle;

/// Says why there is none.
pub(crate) fn take(_runtime: &Handle) -> Result<Vec<SeenTask>, Unavailable> {
    unavailable()
}

/// The same.
pub(crate) fn beside_list<T>(
    _runtime: &Handle,
    _between: impl FnOnce() -> T,
) -> Result<(T, InList), Unavailable> {
    unavailable()
}

/// The same.
pub(crate) fn look_at(_tasks: &[((u64, u64), RuntimeKind)]) -> Result<Vec<SeenTask>, Unavailable> {
    unavailable()
}

fn unavailable<T>() -> Result<T, Unavailable> {
    Err(Unavailable::new(if cfg!(feature = "census") {
        "reading them by debug info works on Linux on x86-64 and aarch64 only; run them there to have them named"
    } else {
        "taskleak's feature `census` is off; switch it on to have them named"
    }))
}

/// Nobody knows.
pub(crate) fn holders(_runtime: &Handle) -> Option<u64> {
    None
}

/// Says why nothing is known.
pub(crate) fn holdings(
    _runtimes: &[Handle],
    _others: &[((u64, u64), RuntimeKind)],
) -> Result<crate::wait::deadlock::Facts, Unavailable> {
    Err(Unavailable::new(if cfg!(feature = "census") {
        "it is read by debug info, on Linux on x86-64 and aarch64 only; the same test tells there"
    } else {
        "taskleak's feature `census`, which reads it by debug info, is off; switch it on"
    }))
}

/// There are no names.
pub(crate) fn names_may_be_merged() -> bool {
    false
}

/// There are no types.
pub(crate) fn types_are_exact() -> bool {
    false
}
