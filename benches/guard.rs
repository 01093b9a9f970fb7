//! What a guard costs: when all is well, when it has to wait, and when it has much to report.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::{Duration, Instant};
use taskleak::{Options, find, verify_none};
use tokio::runtime::{Builder, Runtime};

fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// Leaves tasks on the runtime that are not the guard's concern.
fn leave_tasks(runtime: &Runtime, count: usize) {
    runtime.block_on(async {
        for _ in 0..count {
            taskleak::spawn(std::future::pending::<()>());
        }
    });
}

fn clean(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("clean guard");
    for unrelated in [0, 10_000] {
        let runtime = multi_thread();
        leave_tasks(&runtime, unrelated);
        group.bench_function(format!("drop, beside {unrelated} tasks"), |bencher| {
            let _entered = runtime.enter();
            bencher.iter(|| drop(black_box(verify_none())));
        });
        group.bench_function(
            format!("finish().await, beside {unrelated} tasks"),
            |bencher| {
                bencher.iter_custom(|n| {
                    runtime.block_on(async {
                        let start = Instant::now();
                        for _ in 0..n {
                            verify_none().finish().await;
                        }
                        start.elapsed()
                    })
                });
            },
        );
        runtime.shutdown_background();
    }
    group.finish();
}

/// From the end of the last task to the guard's verdict.
fn verdict_after_last_task(criterion: &mut Criterion) {
    let runtime = multi_thread();
    criterion.bench_function("verdict after the last task ended", |bencher| {
        bencher.iter_custom(|n| {
            (0..n)
                .map(|_| {
                    let guard = verify_none();
                    let (send, ended) = std::sync::mpsc::channel();
                    runtime.spawn(async {});
                    let _entered = runtime.enter();
                    taskleak::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        send.send(Instant::now()).unwrap();
                    });
                    guard.finish_blocking();
                    let verdict = Instant::now();
                    verdict.duration_since(ended.recv().unwrap())
                })
                .sum()
        });
    });
}

/// Finding and writing the report on many equal leaks, past the grace.
fn many_leaks(criterion: &mut Criterion) {
    let runtime = multi_thread();
    let guard = verify_none();
    leave_tasks(&runtime, 10_000);
    let look = || find(Options::new().grace(Duration::ZERO)).unwrap_err();
    // The first look reads debug info, which the benchmark's warm-up hides: said here.
    let start = Instant::now();
    let first = look().to_string();
    println!(
        "10000 equal leaks: first report after {:?}, {} bytes",
        start.elapsed(),
        first.len()
    );
    let mut group = criterion.benchmark_group("report");
    group.sample_size(10);
    group.bench_function("10000 equal leaks", |bencher| {
        bencher.iter_batched(|| (), |()| look().to_string(), BatchSize::PerIteration);
    });
    group.finish();
    runtime.shutdown_background();
    guard.finish_blocking();
}

criterion_group!(benches, clean, verdict_after_last_task, many_leaks);
criterion_main!(benches);
