//! More happens than the queue holds: what an observer was told and what it missed is all there was.

use pretty_assertions::assert_eq;
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use taskleak::TaskId;
use taskleak::manager::{Config, Observer, TaskRecord};
use taskleak::task::Builder;

const TASKS: u64 = 20_000;

#[derive(Default)]
struct Told {
    started: Mutex<HashSet<TaskId>>,
    ended: Mutex<HashSet<TaskId>>,
    missed: AtomicU64,
}

impl Observer for Told {
    fn task_started(&self, task: &TaskRecord) {
        assert!(!self.ended.lock().unwrap().contains(&task.id()));
        assert!(self.started.lock().unwrap().insert(task.id()));
    }

    fn task_finished(&self, task: &TaskRecord) {
        // What is told of a task is its own, though places in the queue are used over and over.
        let has_own_name = task.name() == "with more";
        assert_eq!(has_own_name, task.data_value("number").is_some());
        assert!(self.ended.lock().unwrap().insert(task.id()));
    }

    fn events_missed(&self, count: u64) {
        self.missed.fetch_add(count, SeqCst);
    }
}

#[test]
fn what_does_not_fit_is_counted_and_nothing_else_is_lost() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap()
    };
    taskleak::manager().configure(&Config::new().queue(3));
    let spawn_all = async || {
        let spawners = [0, 1].map(|half| {
            // Not tracked: the observer would be told of them too.
            tokio::spawn(async move {
                for number in 0..TASKS / 2 {
                    let task = if number % 2 == half {
                        let task = Builder::new().name("with more".to_owned());
                        task.data("number", number)
                    } else {
                        Builder::new().name("with nothing")
                    };
                    task.spawn(async {}).await.unwrap();
                }
            })
        });
        for spawner in spawners {
            spawner.await.unwrap();
        }
    };
    // The first observer is told from the first task on, though its thread may begin later; the second
    // missed nothing of what was before it came.
    for _ in 0..2 {
        let told = Arc::new(Told::default());
        let observing = taskleak::manager().add_observer(told.clone());
        let runtime = runtime();
        runtime.block_on(spawn_all());
        // An end may be told a moment after the join.
        drop(runtime);
        assert!(observing.flush(Duration::from_secs(60)));
        let counts = [&told.started, &told.ended].map(|ids| ids.lock().unwrap().len() as u64);
        let missed = told.missed.load(SeqCst);
        println!("{counts:?} starts and ends were told, {missed} events missed");
        assert!(missed > 0);
        assert_eq!(observing.panics(), 0);
        assert_eq!(missed, observing.missed());
        assert_eq!(counts.iter().sum::<u64>() + missed, 2 * TASKS);
    }
}
