//! Reading this process's memory without ever touching it.
//!
//! What the census reads belongs to other threads and may be freed meanwhile, so nothing is dereferenced: the kernel is
//! asked to copy, and says no where nothing is mapped. What comes back may be torn or stale; whoever reads it checks it.
//!
//! This file is one of the few with unsafe code: the system call.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI32};
use std::sync::{Arc, Mutex};

/// No sandbox that forbids the system call changes its mind.
static FORBIDDEN: AtomicBool = AtomicBool::new(false);
/// This process, as of the last [`begin`]: to ask for it takes as long as to read.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// As many places as the kernel reads at once.
const MOST_PARTS: usize = 1024;

/// To be called before a number of reads: the process may have been forked since the last ones.
pub(super) fn begin() {
    PROCESS.store(std::process::id() as i32, Relaxed);
}

/// Fills `into` with what is at the address; false if not all of it could be read.
pub(super) fn read(address: u64, into: &mut [u8]) -> bool {
    read_into(&[(address, into.len())], into)
}

/// One word.
pub(super) fn read_word(address: u64) -> Option<u64> {
    read_words([address]).map(|[word]| word)
}

/// Words from several places, at once.
pub(super) fn read_words<const COUNT: usize>(addresses: [u64; COUNT]) -> Option<[u64; COUNT]> {
    let mut bytes = [[0; 8]; COUNT];
    let parts = addresses.map(|address| (address, 8));
    read_into(&parts, bytes.as_flattened_mut()).then(|| bytes.map(u64::from_ne_bytes))
}

/// What is at several places, one after the other; none if any of it could not be read.
pub(super) fn read_parts(parts: &[(u64, usize)]) -> Option<Vec<u8>> {
    let mut bytes = vec![0; parts.iter().map(|(_, length)| length).sum()];
    let mut rest = bytes.as_mut_slice();
    for parts in parts.chunks(MOST_PARTS) {
        let length = parts.iter().map(|(_, length)| length).sum();
        let (into, after) = rest.split_at_mut(length);
        if !read_into(parts, into) {
            return None;
        }
        rest = after;
    }
    Some(bytes)
}

/// Reads at most [`MOST_PARTS`] places, which together are as long as `into`.
fn read_into(parts: &[(u64, usize)], into: &mut [u8]) -> bool {
    if into.is_empty() {
        return true;
    }
    if !FORBIDDEN.load(Relaxed) {
        match read_by_kernel(parts, into) {
            Ok(all) => return all,
            Err(Forbidden) => FORBIDDEN.store(true, Relaxed),
        }
    }
    read_by_file(parts, into)
}

struct Forbidden;

fn read_by_kernel(parts: &[(u64, usize)], into: &mut [u8]) -> Result<bool, Forbidden> {
    let local = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let one = |(address, length): &(u64, usize)| libc::iovec {
        iov_base: std::ptr::without_provenance_mut(*address as usize),
        iov_len: *length,
    };
    let (single, several);
    let remote = match parts {
        [part] => {
            single = [one(part)];
            single.as_slice()
        }
        parts => {
            several = parts.iter().map(one).collect::<Vec<_>>();
            several.as_slice()
        }
    };
    let process = PROCESS.load(Relaxed);
    // SAFETY: the kernel writes only to the local range, which is `into` and borrowed mutably until the call returns; it
    // checks the remote ranges itself, whatever they are. Both lists of ranges live until then.
    let copied = unsafe {
        libc::process_vm_readv(process, &local, 1, remote.as_ptr(), remote.len() as _, 0)
    };
    if let Ok(copied) = usize::try_from(copied) {
        return Ok(copied == into.len());
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EPERM | libc::ENOSYS) => Err(Forbidden),
        _ => Ok(false),
    }
}

fn read_by_file(parts: &[(u64, usize)], mut into: &mut [u8]) -> bool {
    let Some(memory) = file() else {
        return false;
    };
    for (address, length) in parts {
        let (part, rest) = into.split_at_mut(*length);
        if memory.read_exact_at(part, *address).is_err() {
            return false;
        }
        into = rest;
    }
    true
}

/// This process's memory as a file: a child that was forked off would read its parent's by the one that it inherits.
fn file() -> Option<Arc<File>> {
    static OPEN: Mutex<Option<(i32, Arc<File>)>> = Mutex::new(None);
    let process = PROCESS.load(Relaxed);
    let open = || File::open("/proc/self/mem").ok().map(Arc::new);
    // Who forked may have held the lock, so nobody waits for it.
    let Ok(mut known) = OPEN.try_lock() else {
        return open();
    };
    match &*known {
        Some((of, file)) if *of == process => Some(file.clone()),
        _ => {
            let file = open()?;
            *known = Some((process, file.clone()));
            Some(file)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn both_ways_read_the_same_and_survive_bad_addresses() {
        begin();
        let there = *b"something to read";
        let address = std::ptr::from_ref(&there).addr() as u64;
        let (mut one, mut other) = ([0; 17], [0; 17]);
        assert!(read(address, &mut one));
        assert!(read_by_file(&[(address, 17)], &mut other));
        assert_eq!((one, other), (there, there));
        for bad in [0, 8, u64::MAX - 3, 0xdead_beef_dead_0000] {
            assert!(!read(bad, &mut one));
            assert!(!read_by_file(&[(bad, 17)], &mut one));
            assert_eq!(read_parts(&[(address, 4), (bad, 4)]), None);
        }
        let parts = [(address + 10, 2), (address, 4)];
        assert_eq!(read_parts(&parts).unwrap(), b"tosome");
    }
    #[test]
    fn a_child_reads_its_own_memory_by_the_file() {
        static WORD: AtomicU64 = AtomicU64::new(1);
        let own = || {
            begin();
            let mut word = [0; 8];
            let address = WORD.as_ptr().addr() as u64;
            read_by_file(&[(address, 8)], &mut word).then(|| u64::from_ne_bytes(word))
        };
        assert_eq!(own(), Some(1));
        // SAFETY: the child touches what no other thread does, waits for no lock of ours, and ends without running anything
        // of its parent's.
        let child = unsafe { libc::fork() };
        if child == 0 {
            WORD.store(2, Relaxed);
            let code = i32::from(own() != Some(2));
            // SAFETY: ends the process.
            unsafe { libc::_exit(code) };
        }
        let mut status = 0;
        // SAFETY: waits for the child, which is ours, and writes to `status`.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
    }
}
