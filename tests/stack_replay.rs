//! A stack that is captured again is recognised without a walk, and never mistaken for another.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod call_tree;

use std::sync::atomic::Ordering;

use call_tree::{Tally, Tree, assert_never_declined, compare_in_panic_hook, trees};

/// Trees of different seeds share stack memory, so each finds what others left there.
fn grow_again_and_again(seeds: u64, rounds: u64, tally: &Tally) {
    for round in 0..rounds {
        for seed in 0..seeds {
            Tree::panicking(seed + round / 10 % 8, tally).grow(1 + (seed % 12) as u32);
        }
    }
}

fn assert_often_replayed(tally: &Tally) {
    assert_never_declined(tally);
    let compared = tally.compared.load(Ordering::Relaxed);
    let replayed = tally.replayed.load(Ordering::Relaxed);
    assert!(
        replayed > compared / 4,
        "only {replayed} of {compared} were replayed"
    );
}

#[test]
fn again_and_again() {
    compare_in_panic_hook();
    let tally = Tally::default();
    grow_again_and_again(30, trees() / 5, &tally);
    assert_often_replayed(&tally);
}

#[test]
fn on_threads_with_stacks_of_their_own() {
    compare_in_panic_hook();
    let tally = Tally::default();
    std::thread::scope(|scope| {
        for kilobytes in [1000, 2048, 2048, 9001] {
            let tally = &tally;
            std::thread::Builder::new()
                .stack_size(kilobytes * 1024)
                .spawn_scoped(scope, move || grow_again_and_again(30, trees() / 10, tally))
                .unwrap();
        }
    });
    assert_often_replayed(&tally);
}

#[test]
fn on_threads_one_after_the_other() {
    let tally = Tally::default();
    for _ in 0..trees() / 3 {
        std::thread::scope(|scope| {
            scope.spawn(|| Tree::new(7, &tally).grow(6));
            scope.spawn(|| Tree::new(8, &tally).grow(6));
        });
    }
    assert_often_replayed(&tally);
}
