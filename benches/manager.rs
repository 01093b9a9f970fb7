//! What the task manager costs: spawn + run + join beside plain tokio, with and without an observer;
//! a snapshot of 100 000 live tasks (how long one keeps a spawn waiting: `snapshot_stalls`). Compare
//! figures of one run only, as ratios to `plain`. What one thread does alone is measured in its CPU
//! time, which a busy machine disturbs less; a snapshot by the wall clock too.

mod clocks;

use clocks::{bench_by_both, cpu_time};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use std::future::pending;
use std::hint::black_box;
use std::time::{Duration, Instant};
use taskleak::manager::{Interest, Observer, TaskRecord};
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::{Runtime, RuntimeFlavor};
use tokio::task::JoinHandle;

type Spawn = fn() -> JoinHandle<u32>;

async fn work(state: [u8; 100]) -> u32 {
    black_box(&state);
    7
}

async fn other_work(state: [u8; 100]) -> u32 {
    black_box(&state);
    8
}

/// Two tasks, of two origins.
fn bench_pair(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    spawns: [Spawn; 2],
) {
    bench_rounds(group, name, runtime, move || async move {
        for spawn in spawns {
            spawn().await.unwrap();
        }
    });
}

fn bench_spawner(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    spawn: Spawn,
) {
    bench_rounds(group, name, runtime, move || async move {
        spawn().await.unwrap();
    });
}

fn runtimes() -> [(&'static str, Runtime); 2] {
    let mut multi_thread = tokio::runtime::Builder::new_multi_thread();
    [
        (
            "current_thread",
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap(),
        ),
        (
            "multi_thread",
            multi_thread.worker_threads(2).build().unwrap(),
        ),
    ]
}

fn bench_rounds<Round>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    round: impl Fn() -> Round + Copy + Send + 'static,
) where
    Round: Future<Output = ()> + Send,
{
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|n| {
            let timed = async move {
                let start = (Instant::now(), cpu_time());
                for _ in 0..n {
                    round().await;
                }
                // On several threads it may be another one's time by now, and is not used.
                (start.0.elapsed(), cpu_time().saturating_sub(start.1))
            };
            let (wall, cpu) = runtime.block_on(async { tokio::spawn(timed).await.unwrap() });
            match runtime.handle().runtime_flavor() {
                RuntimeFlavor::CurrentThread => cpu,
                _ => wall,
            }
        });
    });
}

/// Counts what fails, or logs what was done.
struct Ends;

impl Observer for Ends {
    fn interest(&self) -> Interest {
        Interest::all().without_starts()
    }

    fn task_finished(&self, task: &TaskRecord) {
        black_box(task);
    }
}

struct Everything;

impl Observer for Everything {
    fn task_started(&self, task: &TaskRecord) {
        black_box(task);
    }

    fn task_finished(&self, task: &TaskRecord) {
        black_box(task);
    }
}

const PLAIN: Spawn = || tokio::spawn(work([7; 100]));
const TRACKED: Spawn = || taskleak::spawn(work([7; 100]));
const OTHER_PLAIN: Spawn = || tokio::spawn(other_work([7; 100]));
const OTHER_TRACKED: Spawn = || taskleak::spawn(other_work([7; 100]));
const MADE_NAME: Spawn = || Builder::new().name("made".to_owned()).spawn(work([7; 100]));
const BOXED: Spawn = || {
    Builder::new()
        .timebox(Duration::from_secs(60))
        .spawn(work([7; 100]))
};

fn spawn_run_join(criterion: &mut Criterion) {
    for (flavor, runtime) in runtimes() {
        let mut group = criterion.benchmark_group(format!("manager, spawn+run+join/{flavor}"));
        bench_spawner(&mut group, "plain", &runtime, PLAIN);
        bench_spawner(&mut group, "on", &runtime, TRACKED);
        let plain = [PLAIN, OTHER_PLAIN];
        bench_pair(&mut group, "plain, two by turns", &runtime, plain);
        let tracked = [TRACKED, OTHER_TRACKED];
        bench_pair(&mut group, "on, two by turns", &runtime, tracked);
        bench_spawner(
            &mut group,
            "on, a name made at run time",
            &runtime,
            MADE_NAME,
        );
        bench_spawner(&mut group, "on, a time box", &runtime, BOXED);
        let observing = taskleak::manager().add_observer(Ends);
        bench_spawner(&mut group, "on, one observer of ends", &runtime, TRACKED);
        println!("{} events were dropped", observing.missed());
        drop(observing);
        let observing = taskleak::manager().add_observer(Everything);
        bench_spawner(
            &mut group,
            "on, one observer of everything",
            &runtime,
            TRACKED,
        );
        println!("{} events were dropped", observing.missed());
        drop(observing);
        taskleak::manager().disable();
        bench_spawner(&mut group, "off", &runtime, TRACKED);
        taskleak::manager().enable();
        group.finish();
    }
}

fn snapshot(criterion: &mut Criterion) {
    const LIVE: usize = 100_000;
    let (_, runtime) = &runtimes()[1];
    let mut group = criterion.benchmark_group("snapshot of 100 000 live tasks");
    for (name, spawn) in [
        (
            "one name",
            (|set, _| Builder::new().name("one").spawn_into(set, pending()))
                as fn(&mut JoinSet<()>, usize) -> _,
        ),
        ("1 000 names made at run time, with data", |set, number| {
            Builder::new()
                .name(format!("name {}", number % 1000))
                .data("number", number)
                .spawn_into(set, pending())
        }),
    ] {
        let mut live = JoinSet::new();
        let entered = runtime.enter();
        for number in 0..LIVE {
            spawn(&mut live, number);
        }
        group.sample_size(10);
        bench_by_both(&mut group, name, || taskleak::manager().snapshot());
        drop(entered);
        runtime.block_on(live.shutdown());
    }
    group.finish();
}

criterion_group!(benches, spawn_run_join, snapshot);
criterion_main!(benches);
