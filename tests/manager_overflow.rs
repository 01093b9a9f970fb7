//! More happens than the queue holds: what an observer was told and what it missed is all there was.

use pretty_assertions::assert_eq;
use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use taskleak::TaskId;
use taskleak::manager::{Config, Interest, Observer, TaskRecord};
use taskleak::task::Builder;

/// There is one queue: the tests take turns.
static TURN: Mutex<()> = Mutex::new(());

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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap()
    };
    taskleak::manager().configure(Config::new().queue(3));
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

/// Wants to know of time boxes only.
struct Boxes;

impl Observer for Boxes {
    fn interest(&self) -> Interest {
        Interest::all().without_starts().without_ends()
    }
}

#[test]
fn nobody_misses_what_he_does_not_want() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    taskleak::manager().configure(Config::new().queue(3));
    let all = taskleak::manager().add_observer(Arc::new(Told::default()));
    let boxes = taskleak::manager().add_observer(Boxes);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..TASKS / 4 {
            Builder::new()
                .name("with nothing")
                .spawn(async {})
                .await
                .unwrap();
        }
    });
    assert!(all.flush(Duration::from_secs(60)) && boxes.flush(Duration::from_secs(60)));
    assert!(all.missed() > 0);
    assert_eq!(boxes.missed(), 0);
}
