//! What a captured stack costs: the walk alone, and with interning, at three depths; beside the unwinder.
use std::hint::black_box;
use std::time::{Duration, Instant};

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
    } else if now.is_multiple_of(2) {
        small(depth, body);
    } else {
        large(depth, body);
    }
    black_box(());
}

fn stacks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stack");
    for depth in [16, 32, 64] {
        let mut bench = |name: &str, capture: &dyn Fn()| {
            group.bench_function(BenchmarkId::new(name, depth), |bencher| {
                // Not `iter`, whose own frames would be on the stack.
                bencher.iter_custom(|iterations| {
                    let mut elapsed = Duration::ZERO;
                    at_depth(depth, &mut || {
                        let start = Instant::now();
                        for _ in 0..iterations {
                            capture();
                        }
                        elapsed = start.elapsed();
                    });
                    elapsed
                });
            });
        };
        if Walker::BEST != Walker::Unwinder {
            bench(&format!("walk ({:?})", Walker::BEST), &|| {
                walk(Walker::BEST)
            });
        }
        bench("capture", &|| {
            let _ = black_box(stack::capture());
        });
        bench("walk (Unwinder)", &|| walk(Walker::Unwinder));
        bench("std::backtrace", &|| {
            let _ = black_box(std::backtrace::Backtrace::force_capture());
        });
    }
    group.finish();
}

#[inline(never)]
fn walk(walker: Walker) {
    let mut addresses = Addresses::new();
    walker.walk(&mut addresses);
    black_box(&addresses);
}

criterion_group!(benches, stacks);
criterion_main!(benches);
