//! A million tasks come and go, and the memory is what it was: counted by the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;
use taskleak::manager::{Observer, TaskRecord};
use taskleak::task::{Builder, JoinSet, TimeboxAction};

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

const AT_ONCE: u64 = 1000;

#[derive(Default)]
struct Count {
    started: AtomicU64,
    finished: AtomicU64,
}

impl Observer for Count {
    fn task_started(&self, _: &TaskRecord) {
        self.started.fetch_add(1, Relaxed);
    }

    fn task_finished(&self, task: &TaskRecord) {
        black_box((task.name(), task.age()));
        self.finished.fetch_add(1, Relaxed);
    }
}

/// Tasks of all kinds, in batches.
async fn come_and_go(tasks: u64) {
    for batch in 0..tasks / AT_ONCE {
        let mut set = JoinSet::new();
        for number in 0..AT_ONCE {
            let work = async move { black_box(number) };
            match number % 4 {
                0 => set.spawn(work),
                1 => Builder::new()
                    .name("fixed")
                    .data("batch", batch)
                    .spawn_into(&mut set, work),
                2 => {
                    let name = format!("made {}", number % 100);
                    Builder::new().name(name).spawn_into(&mut set, work)
                }
                _ => Builder::new()
                    .name("boxed")
                    .timebox(Duration::from_secs(3600))
                    .on_timebox(TimeboxAction::Abort)
                    .spawn_into(&mut set, work),
            };
        }
        if batch % 2 == 0 {
            set.join_all().await;
        } else {
            set.shutdown().await;
        }
        if batch % 100 == 0 {
            taskleak::manager().monitor().take_now();
        }
    }
}

#[test]
fn memory_returns_to_where_it_was() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let count = Arc::new(Count::default());
    let observing = taskleak::manager().add_observer(count.clone());
    let run = |tasks| {
        runtime.block_on(async {
            tokio::spawn(come_and_go(tasks)).await.unwrap();
            taskleak::manager()
                .shutdown(Duration::from_secs(60))
                .await
                .unwrap();
        });
        assert!(observing.flush(Duration::from_secs(60)));
        taskleak::manager().monitor().take_now();
        assert!(observing.flush(Duration::from_secs(60)));
        ALLOCATED.load(Relaxed)
    };
    // Tables grow to what is needed at once, and caches fill.
    let before = run(100_000);
    let after = run(1_000_000);
    // A task's record is 64 bytes and more: were it kept of one in a hundred only, this would show.
    let grown = after.saturating_sub(before);
    assert!(
        grown < 200_000,
        "{grown} bytes more than before a million tasks"
    );

    let counts = taskleak::manager().snapshot().counts();
    assert_eq!((counts.started, counts.live()), (1_100_000, 0));
    let told = count.finished.load(Relaxed) + count.started.load(Relaxed);
    assert_eq!(told + observing.missed(), 2 * counts.started);
}
