//! What an observer that hangs keeps from being freed is bounded, in bytes too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use taskleak::manager::{Observer, TaskRecord};
use taskleak::task::Builder;

static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static ALLOC: Counting = Counting;

// SAFETY: all is left to the system's allocator, which is called as this is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Does not return from its first call until it may.
struct Hung(Mutex<Receiver<()>>);

impl Observer for Hung {
    fn task_finished(&self, _: &TaskRecord) {
        let _ = self.0.lock().unwrap().recv();
    }
}

struct Quick;

impl Observer for Quick {}

#[test]
fn few_events_at_a_time_take_no_room_for_many() {
    const LONG: Duration = Duration::from_secs(60);
    const ROUNDS: usize = 500;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (go_on, wait) = channel();
    let hung = taskleak::manager().add_observer(Hung(Mutex::new(wait)));
    let quick = taskleak::manager().add_observer(Quick);
    // Each is told by itself, as in a service that spawns a task now and then.
    let spawn_one = || {
        let task = Builder::new().spawn_on(async {}, runtime.handle());
        runtime.block_on(task).unwrap();
        assert!(quick.flush(LONG));
    };
    spawn_one();
    let before = HELD.load(Relaxed);
    (0..ROUNDS).for_each(|_| spawn_one());
    let held = HELD.load(Relaxed).saturating_sub(before);
    let each = held / (2 * ROUNDS);
    println!("{each} bytes an event");
    // 80 of its own, and what a letter needs that has few of them.
    assert!(each < 300, "{each}");
    drop(go_on);
    assert!(hung.flush(LONG));
    assert_eq!(hung.missed(), 0);
}
