//! What it costs to be looked at: a scrape with 1000 names, a profile, a listing. The manager's own
//! snapshot is measured by `manager`; here it is part of each.

mod clocks;

use clocks::bench_by_both;
use criterion::{Criterion, criterion_group, criterion_main};
use std::future::pending;
use taskleak::export::{pprof, prometheus};
use taskleak::manager;
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::Runtime;

fn with_tasks(names: usize, each: usize, look: impl FnOnce()) {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..names * each {
            Builder::new()
                .name(format!("worker-{}", number % names))
                .data("shard", number % 7)
                .spawn_into(&mut tasks, pending::<()>());
        }
        tokio::task::yield_now().await;
        look();
    });
}

fn scrape(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("export");
    group.sample_size(20);
    for each in [1, 10] {
        with_tasks(1000, each, || {
            let name = format!("scrape/1000 names, {each} tasks each");
            bench_by_both(&mut group, &name, prometheus::text);
        });
    }
    with_tasks(100, 100, || {
        bench_by_both(&mut group, "profile/10000 tasks", || {
            pprof::Profile::of(&manager().snapshot()).to_gzip()
        });
    });
    group.finish();
}

criterion_group!(benches, scrape);
criterion_main!(benches);
