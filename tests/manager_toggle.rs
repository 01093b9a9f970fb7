//! The manager is switched on and off in a storm of spawns, and nothing is lost or counted twice: an
//! oracle counts beside it.

use fastrand::Rng;
use pretty_assertions::assert_eq;
use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use taskleak::TaskId;
use taskleak::manager::{Config, Counts, Interest, Observer, TaskRecord};
use taskleak::task::{Builder, OperationId};
use tokio::sync::oneshot;

const NAMES: [&str; 3] = ["storm fixed a", "storm fixed b", "storm made"];
const END: [&str; 4] = ["finishes", "panics", "is aborted", "is shut down"];

/// What happened, by those who did it.
#[derive(Default)]
struct Oracle {
    /// By name and end; of tasks that found themselves tracked when they ran.
    ends: [[AtomicU64; END.len()]; NAMES.len()],
    untracked: AtomicU64,
}

/// What observers are told.
#[derive(Default)]
struct Told {
    started: Mutex<HashSet<TaskId>>,
    ended: Mutex<HashSet<TaskId>>,
}

impl Observer for Told {
    fn task_started(&self, task: &TaskRecord) {
        if task.name().starts_with("storm") {
            assert!(
                self.started.lock().unwrap().insert(task.id()),
                "started twice"
            );
        }
    }

    fn task_finished(&self, task: &TaskRecord) {
        if task.name().starts_with("storm") {
            assert!(
                self.started.lock().unwrap().contains(&task.id()),
                "ended unstarted"
            );
            assert!(self.ended.lock().unwrap().insert(task.id()), "ended twice");
        }
    }
}

struct EndsOnly;

impl Observer for EndsOnly {
    fn interest(&self) -> Interest {
        Interest::all().without_starts()
    }
}

impl Oracle {
    /// Spawns a task and lets it end in a way that chance chooses.
    async fn spawn_one(self: &Arc<Self>, rng: &mut Rng) {
        let (name, end) = (rng.usize(..NAMES.len()), rng.usize(..3));
        let oracle = self.clone();
        let builder = match NAMES[name] {
            "storm made" => Builder::new().name(NAMES[name].to_owned()),
            fixed => Builder::new().name(fixed),
        };
        let (runs, has_run) = oneshot::channel();
        let task = builder.spawn(async move {
            match OperationId::current() {
                Some(_) => &oracle.ends[name][end],
                None => &oracle.untracked,
            }
            .fetch_add(1, SeqCst);
            _ = runs.send(());
            match END[end] {
                "panics" => std::panic::resume_unwind(Box::new("planned")),
                "is aborted" => pending().await,
                _ => {}
            }
        });
        if END[end] == "is aborted" {
            // It has to run first, since it counts itself.
            has_run.await.unwrap();
            task.abort();
        }
        let _ = task.await;
    }

    fn expected(&self, name: usize) -> [u64; 4] {
        [0, 1, 2, 3].map(|end| self.ends[name][end].load(SeqCst))
    }
}

fn counts(name: &str) -> Counts {
    let snapshot = taskleak::manager().snapshot();
    snapshot
        .name(name)
        .map(|name| name.counts())
        .unwrap_or_default()
}

fn storm(seed: u64, oracle: &Arc<Oracle>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    let is_over = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut rng = Rng::with_seed(seed);
            // Beside the one that is told everything, one that comes and goes.
            let mut second = None;
            while is_over.load(SeqCst) == 0 {
                if rng.bool() {
                    taskleak::manager().disable();
                } else {
                    taskleak::manager().enable();
                }
                if rng.u8(..4) == 0 {
                    second = match second {
                        Some(_) => None,
                        None => Some(taskleak::manager().add_observer(EndsOnly)),
                    };
                }
                // Readers in between see no task that ended without a start.
                for name in taskleak::manager().snapshot().names() {
                    let counts = name.counts();
                    assert!(counts.ended() <= counts.started, "{name:?}");
                }
                thread::sleep(Duration::from_micros(rng.u64(..300)));
            }
            taskleak::manager().enable();
        });
        let mut spawners = Vec::new();
        for number in 0..8 {
            let oracle = oracle.clone();
            let mut rng = Rng::with_seed(seed + number);
            spawners.push(runtime.spawn(async move {
                for _ in 0..250 {
                    oracle.spawn_one(&mut rng).await;
                }
            }));
        }
        for spawner in spawners {
            runtime.block_on(spawner).unwrap();
        }
        is_over.store(1, SeqCst);
    });
    // Some are left, which the runtime's shutdown ends.
    let _entered = runtime.enter();
    for (number, name) in NAMES.iter().enumerate() {
        for _ in 0..number + 2 {
            Builder::new()
                .name((*name).to_owned())
                .spawn(pending::<()>());
            oracle.ends[number][3].fetch_add(1, SeqCst);
        }
    }
    drop(_entered);
    drop(runtime);
}

#[test]
fn nothing_is_lost_or_counted_twice() {
    taskleak::manager().configure(Config::new().queue(1 << 20));
    let told = Arc::new(Told::default());
    let observing = taskleak::manager().add_observer(told.clone());
    let oracle = Arc::new(Oracle::default());
    let seed = fastrand::u64(..1 << 32);
    println!("seed {seed}");
    for round in 0..5 {
        storm(seed + 100 * round, &oracle);
        let mut all = 0;
        for (number, name) in NAMES.iter().enumerate() {
            let counts = counts(name);
            let ends = [
                counts.finished,
                counts.panicked,
                counts.aborted,
                counts.shut_down,
            ];
            assert_eq!(ends, oracle.expected(number), "`{name}` in round {round}");
            assert_eq!(counts.started, counts.ended(), "`{name}` in round {round}");
            assert_eq!(taskleak::manager().snapshot().live(name), 0);
            all += counts.started;
        }
        assert!(observing.flush(Duration::from_secs(60)));
        assert_eq!(observing.missed(), 0);
        assert_eq!(observing.panics(), 0);
        assert_eq!(told.started.lock().unwrap().len() as u64, all);
        assert_eq!(told.ended.lock().unwrap().len() as u64, all);
    }
    let untracked = oracle.untracked.load(SeqCst);
    println!("{untracked} tasks were spawned while the manager was off");
    assert!(untracked > 0, "the storm was too short");
}
