//! Reading this process's memory without ever touching it.
//!
//! What the census reads belongs to other threads and may be freed meanwhile, so nothing is dereferenced: the kernel is
//! asked to copy, and says no where nothing is mapped. What comes back may be torn or stale; whoever reads it checks it.
//!
//! This file is one of the few with unsafe code: the system call.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Fills `into` with what is at the address; false if not all of it could be read.
pub(super) fn read(address: u64, into: &mut [u8]) -> bool {
    // No sandbox that forbids the system call changes its mind.
    static FORBIDDEN: AtomicBool = AtomicBool::new(false);
    if into.is_empty() {
        return true;
    }
    if !FORBIDDEN.load(Relaxed) {
        match read_by_kernel(address, into) {
            Ok(all) => return all,
            Err(Forbidden) => FORBIDDEN.store(true, Relaxed),
        }
    }
    read_by_file(address, into)
}

/// One little-endian word.
pub(super) fn read_word(address: u64) -> Option<u64> {
    let mut word = [0; 8];
    read(address, &mut word).then(|| u64::from_ne_bytes(word))
}

struct Forbidden;

fn read_by_kernel(address: u64, into: &mut [u8]) -> Result<bool, Forbidden> {
    let length = into.len();
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: length,
    };
    let remote = libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address as usize),
        iov_len: length,
    };
    // SAFETY: the kernel writes only to the local range, which is `into` and borrowed mutably until the call returns;
    // it checks the remote range itself. Both vectors live on this stack.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    if let Ok(copied) = usize::try_from(copied) {
        return Ok(copied == length);
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EPERM | libc::ENOSYS) => Err(Forbidden),
        _ => Ok(false),
    }
}

fn read_by_file(address: u64, into: &mut [u8]) -> bool {
    static MEMORY: OnceLock<Option<File>> = OnceLock::new();
    let memory = MEMORY.get_or_init(|| File::open("/proc/self/mem").ok());
    memory
        .as_ref()
        .is_some_and(|memory| memory.read_exact_at(into, address).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_read_the_same_and_survive_bad_addresses() {
        let there = *b"something to read";
        let address = std::ptr::from_ref(&there).addr() as u64;
        let (mut one, mut other) = ([0; 17], [0; 17]);
        assert!(read(address, &mut one));
        assert!(read_by_file(address, &mut other));
        assert_eq!((one, other), (there, there));
        for bad in [0, 8, u64::MAX - 3, 0xdead_beef_dead_0000] {
            assert!(!read(bad, &mut one));
            assert!(!read_by_file(bad, &mut one));
        }
    }
}
