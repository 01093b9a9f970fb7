//! What `SpawnSites` adds to an allocation, beside the allocator that it stands before: of blocks that cannot be tasks, and
//! of blocks that can, with and without a guard. Compare figures of one run only.

use criterion::{Criterion, criterion_group, criterion_main};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use taskleak::alloc::SpawnSites;

/// Allocates one block and frees it.
fn round(allocator: &impl GlobalAlloc, layout: Layout) {
    let layout = black_box(layout);
    // SAFETY: the layout has a size, and the block is freed with it.
    unsafe { allocator.dealloc(black_box(allocator.alloc(layout)), layout) }
}

/// A stack about as deep as a spawn in a real program has.
#[inline(never)]
fn deep(frames: u32, run: &mut dyn FnMut()) {
    if frames == 0 {
        run();
    } else {
        deep(frames - 1, run);
    }
    black_box(frames);
}

fn blocks(criterion: &mut Criterion) {
    let sites = SpawnSites::new(System);
    for (name, layout) in [
        ("ordinary", Layout::from_size_align(256, 16)),
        ("like_a_task", Layout::from_size_align(256, 128)),
    ] {
        let layout = layout.expect("both are in range");
        let mut group = criterion.benchmark_group(format!("allocate_and_free/{name}"));
        group.bench_function("system", |bencher| {
            bencher.iter(|| round(&System, layout));
        });
        group.bench_function("spawn_sites", |bencher| {
            bencher.iter(|| round(&sites, layout));
        });
        let guard = taskleak::verify_none();
        group.bench_function("spawn_sites_guarded", |bencher| {
            deep(16, &mut || bencher.iter(|| round(&sites, layout)));
        });
        drop(guard);
    }
}

criterion_group!(benches, blocks);
criterion_main!(benches);
