//! How much memory a live task takes, tracked and not: counted by the allocator, not estimated.

use std::alloc::{GlobalAlloc, Layout, System};

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use tokio::task::JoinHandle;

struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A power of two times the first chunk, less one: the table of records is just full.
const TASKS: usize = 64 * ((1 << 10) - 1);

async fn task<const BYTES: usize>() {
    let state = [7_u8; BYTES];
    std::future::pending::<()>().await;
    std::hint::black_box(&state);
}

fn bytes_a_task(spawn: impl Fn() -> JoinHandle<()>) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut handles = Vec::with_capacity(TASKS);
        let before = ALLOCATED.load(Relaxed);
        handles.extend((0..TASKS).map(|_| spawn()));
        tokio::task::yield_now().await;
        let after = ALLOCATED.load(Relaxed);
        (after - before) as f64 / TASKS as f64
    })
}

fn compare<const BYTES: usize>() {
    let plain = bytes_a_task(|| tokio::spawn(task::<BYTES>()));
    // The table of records is never freed: each size is measured in a process of its own.
    let tracked = bytes_a_task(|| taskleak::spawn(task::<BYTES>()));
    println!(
        "a task with {BYTES:4} bytes of state: plain {plain:6.1}, tracked {tracked:6.1}, more: {:5.1}",
        tracked - plain
    );
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("0") => compare::<0>(),
        Some("16") => compare::<16>(),
        Some("100") => compare::<100>(),
        Some("256") => compare::<256>(),
        Some("1000") => compare::<1000>(),
        _ => {
            let program = std::env::current_exe().unwrap();
            for size in ["0", "16", "100", "256", "1000"] {
                std::process::Command::new(&program)
                    .arg(size)
                    .status()
                    .unwrap();
            }
        }
    }
}
