//! Equal stacks are one stack, whoever captures them.
use std::collections::HashSet;

use taskleak::stack::{self, MAX_DEPTH, Stack};

#[inline(never)]
fn capture_below(depth: usize) -> Stack {
    if depth == 0 {
        return stack::capture().expect("a stack");
    }
    let stack = capture_below(std::hint::black_box(depth - 1));
    std::hint::black_box(stack)
}

#[test]
fn equal_stacks_are_one() {
    // Each on a thread, because a loop might be unrolled to calls of their own addresses.
    let stacks: HashSet<Stack> = (0..10)
        .map(|_| std::thread::spawn(|| capture_below(5)).join().unwrap())
        .collect();
    assert_eq!(stacks.len(), 1);
}

#[test]
fn different_stacks_differ() {
    let stacks: HashSet<Stack> = (0..50).map(capture_below).collect();
    assert_eq!(stacks.len(), 50);
    let addresses: HashSet<_> = stacks.iter().map(|stack| stack.addresses()).collect();
    assert_eq!(addresses.len(), 50);
}

#[test]
fn the_location_is_not_part_of_a_stack() {
    #[inline(never)]
    fn capture_twice(location: &'static std::panic::Location<'static>) -> [Stack; 2] {
        let mut stacks = [None; 2];
        let locations = [location, std::panic::Location::caller()];
        for (stack, location) in stacks.iter_mut().zip(std::hint::black_box(locations)) {
            *stack = stack::capture_at(location);
        }
        stacks.map(Option::unwrap)
    }
    let [here, there] = capture_twice(std::panic::Location::caller());
    // Apart from the call itself, should the loop be unrolled.
    assert_eq!(here.addresses()[1..], there.addresses()[1..]);
}

#[test]
fn bits_go_both_ways() {
    let stack = capture_below(3);
    assert_ne!(stack.to_bits(), 0);
    assert_eq!(Stack::from_bits(stack.to_bits()), Some(stack));
    assert_eq!(Stack::from_bits(0), None);
    assert_eq!(Stack::from_bits(u32::MAX), None);
    assert_eq!(size_of::<Option<Stack>>(), 4);
}

#[test]
fn the_depth_is_capped() {
    let stack = capture_below(MAX_DEPTH * 2);
    assert_eq!(stack.addresses().len(), MAX_DEPTH);
}

#[test]
fn threads_agree() {
    let of_threads: Vec<Vec<Stack>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..200).map(|depth| capture_below(depth % 60)).collect()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for stacks in &of_threads[1..] {
        assert_eq!(*stacks, of_threads[0]);
    }
}
