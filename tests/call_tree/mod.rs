//! Random call trees that compare every fast walker with the platform's unwinder at random places.
#![allow(dead_code)] // Each test binary uses a part.

mod shapes;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use taskleak::stack::Addresses;
use taskleak::stack::walk::Walker;

/// xorshift64*: enough for choosing shapes, and the same everywhere.
pub struct Random(Cell<u64>);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 0x8000_0000_0000_0001,
        ))
    }

    pub fn next(&self) -> u64 {
        let mut x = self.0.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.0.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// How the walkers did.
#[derive(Default)]
pub struct Tally {
    pub compared: AtomicUsize,
    pub declined: AtomicUsize,
}

/// One random call tree.
pub struct Tree<'a> {
    pub random: Random,
    pub tally: &'a Tally,
    seed: u64,
    budget: Cell<u32>,
    panics: Cell<bool>,
}

impl<'a> Tree<'a> {
    pub fn new(seed: u64, tally: &'a Tally) -> Self {
        Self {
            random: Random::new(seed),
            tally,
            seed,
            budget: Cell::new(40),
            panics: Cell::new(false),
        }
    }

    /// A tree that also panics and catches, at random places.
    pub fn panicking(seed: u64, tally: &'a Tally) -> Self {
        let tree = Self::new(seed, tally);
        tree.panics.set(true);
        tree
    }

    /// Calls some random shape, which calls back here, until the depth or the budget is used up.
    #[inline(never)]
    pub fn grow(&self, depth: u32) -> u64 {
        if depth == 0 || self.budget.get() == 0 {
            self.compare();
            return 1;
        }
        self.budget.set(self.budget.get() - 1);
        if self.random.below(3) == 0 {
            self.compare();
        }
        let grown = shapes::call_random(self, depth - 1);
        if self.random.below(3) == 0 {
            self.compare();
        }
        black_box(grown) % 1000
    }

    pub fn may_panic(&self) -> bool {
        self.panics.get()
    }

    /// Compares all walkers on the stack of the caller.
    #[inline(never)]
    pub fn compare(&self) {
        compare(self.tally, self.seed);
    }
}

/// Compares all walkers on the stack of this function's caller.
#[inline(never)]
pub fn compare(tally: &Tally, seed: u64) {
    let mut found = [Addresses::new(), Addresses::new()];
    let mut done = [false; 2];
    // Behind a black box, so that the loop is not unrolled and both walks start at one instruction of this function.
    let walkers = black_box([Walker::BEST, Walker::Unwinder]);
    for ((walker, addresses), done) in walkers.into_iter().zip(&mut found).zip(&mut done) {
        *done = walker.walk(addresses);
    }
    tally.compared.fetch_add(1, Ordering::Relaxed);
    assert!(done[1], "the unwinder found nothing, seed {seed}");
    if !done[0] {
        tally.declined.fetch_add(1, Ordering::Relaxed);
        return;
    }
    if found[0].as_slice() != found[1].as_slice() {
        eprintln!(
            "fast {:x?}\nunwinder {:x?}",
            found[0].as_slice(),
            found[1].as_slice()
        );
        eprintln!("a wrong stack, seed {seed}");
        std::process::abort();
    }
    assert_eq!(found[0].hash(), found[1].hash());
}
