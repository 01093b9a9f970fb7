//! Random call trees that compare every fast walker with the platform's unwinder at random places.
#![allow(dead_code)] // Each test binary uses a part.

mod shapes;

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use taskleak::stack::walk::Walker;
use taskleak::stack::{self, Addresses, How, MAX_DEPTH};

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
    pub replayed: AtomicUsize,
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
    let [mut fast, mut fresh] = [Addresses::new(), Addresses::new()];
    let done = Walker::BEST.walk(&mut fast);
    let (captured, how) = stack::capture_and_tell_how().expect("a stack");
    assert!(
        Walker::Unwinder.walk(&mut fresh),
        "the unwinder found nothing, seed {seed}"
    );
    tally.compared.fetch_add(1, Ordering::Relaxed);
    if !done {
        tally.declined.fetch_add(1, Ordering::Relaxed);
        return;
    }
    if how == How::Replayed {
        tally.replayed.fetch_add(1, Ordering::Relaxed);
    }
    // What is captured here starts one frame further in than what is walked.
    let captured = &captured.addresses()[1..];
    let as_deep = &fresh.as_slice()[..captured.len()];
    if fast.as_slice() != fresh.as_slice()
        || captured != as_deep
        || captured.len() < fresh.as_slice().len().min(MAX_DEPTH - 1)
    {
        // No panic, which could be caught by the very tree that is wrong.
        eprintln!("a wrong stack, seed {seed}, {how:?}");
        eprintln!(
            "fast {:x?}\ncaptured {captured:x?}\nfresh {:x?}",
            fast.as_slice(),
            fresh.as_slice()
        );
        std::process::abort();
    }
    assert_eq!(fast.hash(), fresh.hash());
}

/// How many random trees a test grows; `STACK_TREES` sets another number.
pub fn trees() -> u64 {
    std::env::var("STACK_TREES")
        .ok()
        .and_then(|trees| trees.parse().ok())
        .unwrap_or(300)
}

/// All stacks were compared.
pub fn assert_never_declined(tally: &Tally) {
    let compared = tally.compared.load(Ordering::Relaxed);
    if compared > 1 {
        let replayed = tally.replayed.load(Ordering::Relaxed);
        println!("compared {compared} stacks, {replayed} of them replayed");
    }
    assert_ne!(compared, 0);
    assert_eq!(tally.declined.load(Ordering::Relaxed), 0);
}

/// Panics on purpose are not printed, but compared.
pub fn compare_in_panic_hook() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info
                .to_string()
                .contains("index out of bounds: the len is 0")
            {
                let tally = Tally::default();
                compare(&tally, 0);
                assert_never_declined(&tally);
            } else {
                default(info);
            }
        }));
    });
}
