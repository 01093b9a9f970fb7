//! What a captured stack costs: the walk alone, and with interning, at three depths; beside the unwinder.
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use taskleak::stack::walk::Walker;
use taskleak::stack::{self, Addresses};

/// Runs `body` with about `depth` frames below it, in functions that look alike but have frames of their own.
#[inline(never)]
fn at_depth(depth: usize, body: &mut dyn FnMut()) {
    #[inline(never)]
    fn small(depth: usize, body: &mut dyn FnMut()) {
        at_depth(black_box(depth), body);
        black_box(());
    }
    #[inline(never)]
    fn large(depth: usize, body: &mut dyn FnMut()) {
        let mut buffer = [0_u8; 200];
        black_box(&mut buffer);
        at_depth(black_box(depth), body);
        black_box(&buffer);
    }
    let mut addresses = Addresses::new();
    Walker::Unwinder.walk(&mut addresses);
    let now = addresses.as_slice().len();
    if now >= depth {
        body();
    } else if now % 2 == 0 {
        small(depth, body);
    } else {
        large(depth, body);
    }
    black_box(());
}

fn stacks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stack");
    for depth in [16, 32, 64] {
        at_depth(depth, &mut || {
            if Walker::BEST != Walker::Unwinder {
                let id = BenchmarkId::new(format!("walk ({:?})", Walker::BEST), depth);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| walk(Walker::BEST));
                });
            }
            group.bench_function(BenchmarkId::new("capture", depth), |bencher| {
                bencher.iter(stack::capture);
            });
            group.bench_function(BenchmarkId::new("walk (Unwinder)", depth), |bencher| {
                bencher.iter(|| walk(Walker::Unwinder));
            });
            group.bench_function(BenchmarkId::new("std::backtrace", depth), |bencher| {
                bencher.iter(std::backtrace::Backtrace::force_capture);
            });
        });
    }
    group.finish();
}

#[inline(never)]
fn walk(walker: Walker) -> usize {
    let mut addresses = Addresses::new();
    walker.walk(&mut addresses);
    black_box(&addresses).as_slice().len()
}

criterion_group!(benches, stacks);
criterion_main!(benches);
