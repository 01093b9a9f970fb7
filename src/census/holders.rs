//! Whether a runtime is still there, for who has but a handle of it.

use super::memory;
use crate::registry::tokio_ids;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle};

/// How many hold the runtime's scheduler: the runtime itself, each of its threads, tasks and handles. `None` if that
/// can't be told. If it is one, the runtime is gone, and this handle is the last that is left of it.
pub(crate) fn holders(handle: &Handle) -> Option<u64> {
    static CAN_TELL: OnceLock<bool> = OnceLock::new();
    let can_tell = *CAN_TELL.get_or_init(|| can_tell().unwrap_or(false));
    can_tell.then(|| read(handle)).flatten()
}

/// An `Arc` points to its count. The memory is there as long as the handle is; and it is copied, not dereferenced, since
/// another tokio may have another handle.
fn read(handle: &Handle) -> Option<u64> {
    let scheduler = tokio_ids::scheduler(handle)?;
    memory::begin();
    memory::read_word(scheduler)
}

/// Whether the word counts what it should, of a runtime whose holders are known.
fn can_tell() -> Option<bool> {
    let runtime = Builder::new_current_thread().build().ok()?;
    let handle = runtime.handle().clone();
    let with_runtime = read(&handle);
    let other = handle.clone();
    let with_other = read(&handle);
    drop(other);
    // Not by its destructor, which panics where tasks are polled.
    runtime.shutdown_background();
    let (with_runtime, with_other, alone) = (with_runtime?, with_other?, read(&handle)?);
    Some(with_other == with_runtime + 1 && with_runtime > 1 && alone == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::runtime::Runtime;

    #[track_caller]
    fn tells_when_it_is_gone(runtime: Runtime) {
        let handle = runtime.handle().clone();
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
        assert!(holders(&handle).expect("it can be told here") > 1);
        drop(runtime);
        assert_eq!(holders(&handle), Some(1));
    }

    #[test]
    fn a_runtime_that_is_gone_is_held_by_its_last_handle_only() {
        tells_when_it_is_gone(Builder::new_current_thread().enable_all().build().unwrap());
        tells_when_it_is_gone(Builder::new_multi_thread().enable_all().build().unwrap());
    }

    #[test]
    fn asked_inside_of_a_runtime() {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { assert!(can_tell().unwrap()) });
    }
}
