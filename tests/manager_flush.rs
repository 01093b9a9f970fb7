//! `flush` waits for what has happened, not for what goes on happening.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::Duration;
use taskleak::manager::{Config, Observer, TaskRecord};
use taskleak::task::Builder;

const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Counts {
    marked: AtomicU64,
    missed: AtomicU64,
    is_slow: bool,
}

impl Observer for Counts {
    fn task_finished(&self, task: &TaskRecord) {
        self.marked
            .fetch_add(u64::from(task.name() == "marked"), SeqCst);
        if self.is_slow {
            thread::sleep(Duration::from_micros(200));
        }
    }

    fn events_missed(&self, count: u64) {
        self.missed.fetch_add(count, SeqCst);
    }
}

fn run_tasks(name: &'static str, while_so: impl Fn(u64) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut done = 0;
        while while_so(done) {
            Builder::new().name(name).spawn(async {}).await.unwrap();
            done += 1;
        }
    });
}

/// Two threads make events as fast as they can all the while; one observer keeps up, or nearly, and one
/// misses most.
#[test]
fn it_ends_under_steady_overload_with_all_that_was_before_it() {
    taskleak::manager().configure(Config::new().queue(1 << 20));
    let quick = Arc::new(Counts::default());
    let quick_handle = taskleak::manager().add_observer(quick.clone());
    taskleak::manager().configure(Config::new().queue(64));
    let slow = Arc::new(Counts {
        is_slow: true,
        ..Counts::default()
    });
    let slow_handle = taskleak::manager().add_observer(slow.clone());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| run_tasks("noise", |_| !is_over.load(SeqCst)));
        }
        for round in 1..=5 {
            run_tasks("marked", |done| done < 10);
            let missed = slow_handle.missed();
            let flushed = slow_handle.flush(LONG);
            // What it had missed by then it knows of.
            let knows = slow.missed.load(SeqCst) >= missed;
            let all = quick_handle.flush(LONG);
            let marked = quick.marked.load(SeqCst);
            let missed = quick_handle.missed();
            if !(flushed && knows && all && (marked == 10 * round || missed > 0)) {
                is_over.store(true, SeqCst);
            }
            assert!(flushed && knows && all, "round {round}");
            assert!(
                marked == 10 * round || missed > 0,
                "{round}: {marked}, {missed}"
            );
        }
        is_over.store(true, SeqCst);
    });
    assert!(slow_handle.missed() > 0, "it was no overload");
    taskleak::manager().configure(Config::new());
}
