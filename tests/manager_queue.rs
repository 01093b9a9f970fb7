//! The first observer asks for a short queue, and those that come later have the room that they ask for.

use pretty_assertions::assert_eq;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use taskleak::manager::{Config, Interest, Observer, ObserverHandle, TaskRecord};
use taskleak::task::{Builder, JoinSet};

const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Told {
    started: AtomicU64,
    missed: AtomicU64,
}

impl Observer for Told {
    fn interest(&self) -> Interest {
        Interest::all().without_ends()
    }

    fn task_started(&self, _: &TaskRecord) {
        self.started.fetch_add(1, SeqCst);
    }

    fn events_missed(&self, count: u64) {
        self.missed.fetch_add(count, SeqCst);
    }
}

fn add(queue: usize) -> (Arc<Told>, ObserverHandle) {
    taskleak::manager().configure(Config::new().queue(queue));
    let told = Arc::new(Told::default());
    (told.clone(), taskleak::manager().add_observer(told))
}

/// More than the first one's queue holds, at once.
fn burst(tasks: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _runtime = runtime.enter();
    let mut set = JoinSet::new();
    for _ in 0..tasks {
        Builder::new()
            .name("burst")
            .spawn_into(&mut set, std::future::pending::<()>());
    }
}

#[test]
fn later_observers_have_the_room_that_they_ask_for() {
    const TASKS: u64 = 20_000;
    let (short, short_handle) = add(2);
    let (long, long_handle) = add(32_768);
    burst(TASKS);
    assert!(long_handle.flush(LONG) && short_handle.flush(LONG));
    assert_eq!(
        (long.started.load(SeqCst), long_handle.missed()),
        (TASKS, 0)
    );
    // Each has its own.
    let [told, missed] = [&short.started, &short.missed].map(|count| count.load(SeqCst));
    assert_eq!(told + missed, TASKS);
    assert!(missed > 0);

    // One that asks for more than the queue that all share is told of all, or what it missed.
    let (longest, longest_handle) = add(1 << 18);
    let more = 10 * TASKS;
    burst(more);
    assert!(longest_handle.flush(LONG));
    let [told, missed] = [&longest.started, &longest.missed].map(|count| count.load(SeqCst));
    assert_eq!(told + missed, more);
    assert_eq!(missed, longest_handle.missed());
    // Its own queue has room for all that came to it: what it missed, all did.
    let missed_by_all = taskleak::manager().snapshot().missed_events();
    assert_eq!(missed, missed_by_all);
}
