//! What tracking costs: spawn + run + join, and a poll, beside plain tokio and the tools that do the
//! like. Compare figures of one run only, as ratios to `plain`.

use await_tree::{Config, Registry};
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_metrics::TaskMonitor;

type Spawn = fn() -> JoinHandle<u32>;

/// Ends at its first poll. tokio rounds a task's memory up to a multiple of 128 bytes: with no state both
/// a plain and a tracked task fit into 128, with 16 bytes only the plain one does (`memory` measures it),
/// with 100 bytes both take 256.
async fn work<const BYTES: usize>(state: [u8; BYTES]) -> u32 {
    black_box(&state);
    7
}

/// The ways to spawn that are compared.
fn spawners<const BYTES: usize>() -> [(&'static str, Spawn); 5] {
    [
        ("plain", || tokio::spawn(work([7; BYTES]))),
        ("taskleak", || taskleak::spawn(work([7; BYTES]))),
        ("tokio-metrics", || {
            static MONITOR: LazyLock<TaskMonitor> = LazyLock::new(TaskMonitor::new);
            tokio::spawn(MONITOR.instrument(work([7; BYTES])))
        }),
        ("await-tree", || {
            static REGISTRY: LazyLock<Registry> =
                LazyLock::new(|| Registry::new(Config::default()));
            tokio::spawn(
                REGISTRY
                    .register_anonymous("work")
                    .instrument(work([7; BYTES])),
            )
        }),
        ("async-backtrace", || {
            tokio::spawn(async_backtrace::frame!(work([7; BYTES])))
        }),
    ]
}

fn runtimes() -> [(&'static str, Runtime); 2] {
    [
        (
            "current_thread",
            Builder::new_current_thread().enable_all().build().unwrap(),
        ),
        (
            "multi_thread",
            Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
        ),
    ]
}

/// Times `n` rounds inside a task, where spawning is what services do.
fn in_task<F, Fut>(runtime: &Runtime, rounds: F) -> Duration
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let timed = async move {
        let start = Instant::now();
        rounds().await;
        start.elapsed()
    };
    runtime.block_on(async { tokio::spawn(timed).await.unwrap() })
}

fn bench_spawner(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    runtime: &Runtime,
    spawn: Spawn,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|n| {
            in_task(runtime, move || async move {
                for _ in 0..n {
                    spawn().await.unwrap();
                }
            })
        });
    });
}

fn spawn_run_join(criterion: &mut Criterion) {
    for (flavor, runtime) in runtimes() {
        for (size, spawners) in [
            ("empty task", spawners::<0>()),
            ("100-byte task", spawners::<100>()),
        ] {
            let mut group = criterion.benchmark_group(format!("spawn+run+join/{flavor}/{size}"));
            for (name, spawn) in spawners {
                bench_spawner(&mut group, name, &runtime, spawn);
            }
            group.finish();
        }
    }
}

/// Calls `bottom` below `depth` more frames.
#[inline(never)]
fn deep(depth: u32, bottom: Spawn) -> JoinHandle<u32> {
    let handle = if depth == 0 {
        bottom()
    } else {
        deep(depth - 1, bottom)
    };
    black_box(handle)
}

fn with_backtrace(criterion: &mut Criterion) {
    // What lies below the benchmark's own frames is about a dozen of the runtime's.
    const DEPTH: u32 = 20;
    for (flavor, runtime) in runtimes() {
        let guard = taskleak::verify_none();
        let mut group = criterion.benchmark_group(format!("spawn+run+join, 32 frames/{flavor}"));
        bench_spawner(&mut group, "plain", &runtime, || {
            deep(DEPTH, || tokio::spawn(work([7; 100])))
        });
        bench_spawner(&mut group, "taskleak, guarded", &runtime, || {
            deep(DEPTH, || taskleak::spawn(work([7; 100])))
        });
        group.finish();
        guard.finish_blocking();
    }
}

type SpawnEcho = fn(Pin<Box<dyn Future<Output = u32> + Send>>) -> JoinHandle<u32>;

/// One message to a task and back, so one poll of that task a round, with its wake.
fn poll(criterion: &mut Criterion) {
    const ECHOS: [(&str, SpawnEcho); 5] = [
        ("plain", |echo| tokio::spawn(echo)),
        ("taskleak", |echo| taskleak::spawn(echo)),
        ("tokio-metrics", |echo| {
            static MONITOR: LazyLock<TaskMonitor> = LazyLock::new(TaskMonitor::new);
            tokio::spawn(MONITOR.instrument(echo))
        }),
        ("await-tree", |echo| {
            static REGISTRY: LazyLock<Registry> =
                LazyLock::new(|| Registry::new(Config::default()));
            tokio::spawn(REGISTRY.register_anonymous("echo").instrument(echo))
        }),
        ("async-backtrace", |echo| {
            tokio::spawn(async_backtrace::frame!(echo))
        }),
    ];
    let (_, runtime) = &runtimes()[0];
    let mut group = criterion.benchmark_group("poll");
    for (name, spawn) in ECHOS {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|n| {
                in_task(runtime, move || async move {
                    let (ask, mut asked) = mpsc::channel::<u32>(1);
                    let (answer, mut answered) = mpsc::channel::<u32>(1);
                    let echo = spawn(Box::pin(async move {
                        while let Some(question) = asked.recv().await {
                            answer.send(question).await.unwrap();
                        }
                        0
                    }));
                    for _ in 0..n {
                        ask.send(7).await.unwrap();
                        black_box(answered.recv().await.unwrap());
                    }
                    drop(ask);
                    echo.await.unwrap();
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, spawn_run_join, with_backtrace, poll);
criterion_main!(benches);
