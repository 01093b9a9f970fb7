//! tokio's ids, as numbers, of whatever version tokio is.
//!
//! Tasks have had stable ids since tokio 1.44, runtimes since 1.49. An inherent method, and what a glob
//! imports into a block, come before what stands in for them here.
#![allow(unsafe_code)]

use std::any::{Any, TypeId};
use std::hash::{Hash, Hasher};
use tokio::runtime::Handle;

/// Reads the number out of one of tokio's opaque ids, which hash as the one number they are.
#[derive(Default)]
struct IdNumber(u64);

impl Hasher for IdNumber {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not the one number expected: fold whatever it is, which is still an identity.
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// The number of one of tokio's ids (of a runtime or a task), never 0.
pub(crate) fn id_number(id: &impl Hash) -> u64 {
    let mut number = IdNumber::default();
    id.hash(&mut number);
    number.finish().max(1)
}

/// The number of the task that is being polled on this thread, tracked or not; none outside of any
/// task, and none with a tokio that doesn't tell.
#[inline]
pub(crate) fn current_task() -> Option<u64> {
    #[allow(unused_imports, reason = "tokio may have no function of that name")]
    use tokio::task::*;
    try_id().map(|id| id_number(&id))
}

/// Whether this thread is polling a task; if tokio doesn't tell, whether it may be.
pub(crate) fn may_be_in_task() -> bool {
    #[allow(unused_imports, reason = "tokio may have no function of that name")]
    use tokio::task::*;
    let id = try_id();
    id.is_some() || (is(&id, TypeId::of::<Option<Untold>>()) && Handle::try_current().is_ok())
}

/// Whether tokio tells which task is being polled.
pub(crate) fn tells_tasks() -> bool {
    #[allow(unused_imports, reason = "tokio may have no function of that name")]
    use tokio::task::*;
    !is(&try_id(), TypeId::of::<Option<Untold>>())
}

/// The number of a runtime.
pub(crate) fn runtime(handle: &Handle) -> u64 {
    #[allow(unused_imports, reason = "tokio may have no method of that name")]
    use Addressed as _;
    id_number(&handle.id())
}

/// Whether a runtime may have the number of one that is no more.
pub(crate) fn runtime_numbers_return(handle: &Handle) -> bool {
    #[allow(unused_imports, reason = "tokio may have no method of that name")]
    use Addressed as _;
    is(&handle.id(), TypeId::of::<Address>())
}

/// The address of a runtime's scheduler, if handles look as they do in the versions known.
#[allow(dead_code, reason = "the census's, where there is one")]
pub(crate) fn scheduler(handle: &Handle) -> Option<u64> {
    let Address(address) = Address::of(handle);
    (address > 1).then_some(address)
}

fn is<T: Any>(_: &T, ty: TypeId) -> bool {
    TypeId::of::<T>() == ty
}

/// The id of a task, where tokio tells none.
#[derive(Hash)]
enum Untold {}

#[allow(dead_code, reason = "used if tokio has no function of that name")]
fn try_id() -> Option<Untold> {
    None
}

#[allow(dead_code, reason = "used if tokio has no method of that name")]
trait Addressed {
    fn id(&self) -> Address;
}

impl Addressed for Handle {
    fn id(&self) -> Address {
        Address::of(self)
    }
}

/// Where a runtime's scheduler is: unique among the runtimes that live.
#[derive(Hash)]
struct Address(u64);

impl Address {
    fn of(handle: &Handle) -> Self {
        // In the versions known, 1.40 to 1.54, a handle is the kind of its scheduler and the one
        // pointer to it, in this order as rustc lays them out.
        type Words = [usize; 2];
        if size_of::<Handle>() != size_of::<Words>() || align_of::<Handle>() != align_of::<Words>()
        {
            return Self(1);
        }
        // SAFETY: the handle is two words long and aligned as such (just checked). Its second word is
        // a pointer in either kind, so it is initialised, and any word may be read as a number.
        let address = unsafe { std::ptr::from_ref(handle).cast::<usize>().add(1).read() };
        Self(address as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Builder;

    #[test]
    fn a_runtime_is_known_by_its_address_too() {
        let build = [Builder::new_current_thread, Builder::new_multi_thread];
        let runtimes: Vec<_> = (0..6).map(|n| build[n % 2]().build().unwrap()).collect();
        let address = |handle: &Handle| Address::of(handle).0;
        let mut addresses: Vec<_> = runtimes.iter().map(|one| address(one.handle())).collect();
        for (runtime, known) in runtimes.iter().zip(&addresses) {
            assert_eq!(address(&runtime.handle().clone()), *known);
            let _entered = runtime.enter();
            assert_eq!(address(&Handle::current()), *known);
        }
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 6);
    }
}
