//! What it costs to be looked at: a scrape with 1000 names, a profile, a listing as the live page asks
//! for it. The manager's own snapshot is measured by `manager`; here it is part of each.

mod clocks;

use clocks::bench_by_both;
use criterion::{Criterion, criterion_group, criterion_main};
use std::future::pending;
use std::io::{Read, Write};
use std::net::TcpStream;
use taskleak::export::{http, pprof, prometheus};
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

/// Over HTTP, from the request to the last byte.
fn listing(criterion: &mut Criterion) {
    let server = http::serve(0).unwrap();
    let get = |path: &str| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.0 200"));
        answer.len()
    };
    let mut group = criterion.benchmark_group("export/listing, 10000 tasks");
    group.sample_size(20);
    with_tasks(100, 100, || {
        for (name, path) in [
            ("names", "/debug/tasks.json?tasks=false"),
            ("the 100 of a name", "/debug/tasks.json?name=worker-7"),
            ("1000 by age", "/debug/tasks.json"),
            (
                "1000 by data, filtered",
                "/debug/tasks.json?sort=data&q=worker",
            ),
        ] {
            group.bench_function(name, |bencher| bencher.iter(|| get(path)));
        }
    });
    group.finish();
}

criterion_group!(benches, scrape, listing);
criterion_main!(benches);
