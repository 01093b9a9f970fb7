//! Nobody who waits at a gate is forgotten. A waiter that were would sleep for ever: loom reports
//! that as a deadlock.

use crate::gate::Gate;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::future::poll_fn;
use std::time::{Duration, Instant};

/// As a guard does it: glances at the count, looks, and sleeps unless enough have left.
fn wait_until_left(gate: &Gate, threshold: u32) {
    while gate.count().foreground > threshold {
        let seen = gate.look();
        // loom's time does not pass.
        gate.wait(seen, threshold, Instant::now() + Duration::from_secs(3600));
    }
}

fn poll_until_left(gate: &Gate, threshold: u32) {
    while gate.count().foreground > threshold {
        let seen = gate.look();
        block_on(poll_fn(|cx| gate.poll_wait(seen, threshold, cx)));
    }
}

fn gate_with(members: u32) -> Arc<Gate> {
    let gate = Arc::new(Gate::new());
    (0..members).for_each(|_| gate.enter(false));
    gate
}

fn leaves(gate: &Arc<Gate>) -> thread::JoinHandle<()> {
    let gate = gate.clone();
    thread::spawn(move || {
        gate.leave(false);
    })
}

#[test]
fn a_thread_is_woken_by_the_last_of_two_to_leave() {
    loom::model(|| {
        let gate = gate_with(2);
        let (one, two) = (leaves(&gate), leaves(&gate));
        wait_until_left(&gate, 0);
        assert_eq!(gate.count().members, 0);
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn a_task_is_woken_by_the_last_of_two_to_leave() {
    loom::model(|| {
        let gate = gate_with(2);
        let (one, two) = (leaves(&gate), leaves(&gate));
        poll_until_left(&gate, 0);
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn two_wait_for_different_numbers_to_be_left() {
    let mut model = loom::model::Builder::new();
    // Without a bound there are too many interleavings.
    model.preemption_bound = Some(2);
    model.check(|| {
        let gate = gate_with(2);
        let early = {
            let gate = gate.clone();
            thread::spawn(move || wait_until_left(&gate, 1))
        };
        let leaver = {
            let gate = gate.clone();
            thread::spawn(move || {
                gate.leave(false);
                gate.leave(false);
            })
        };
        poll_until_left(&gate, 0);
        early.join().unwrap();
        leaver.join().unwrap();
    });
}

#[test]
fn the_end_of_a_background_member_needs_nobody_woken_but_is_counted() {
    loom::model(|| {
        let gate = gate_with(1);
        gate.enter(true);
        let background = {
            let gate = gate.clone();
            thread::spawn(move || {
                gate.leave(true);
            })
        };
        let foreground = leaves(&gate);
        wait_until_left(&gate, 0);
        background.join().unwrap();
        foreground.join().unwrap();
        assert_eq!(gate.count().members, 0);
    });
}

#[test]
fn a_notice_after_the_look_ends_the_wait() {
    loom::model(|| {
        let gate = gate_with(1);
        let seen = gate.look();
        let notifier = {
            let gate = gate.clone();
            thread::spawn(move || gate.notify())
        };
        gate.wait(seen, 0, Instant::now() + Duration::from_secs(3600));
        notifier.join().unwrap();
    });
}

#[test]
fn a_notice_after_the_look_wakes_the_task() {
    loom::model(|| {
        let gate = gate_with(1);
        let seen = gate.look();
        let notifier = {
            let gate = gate.clone();
            thread::spawn(move || gate.notify())
        };
        block_on(poll_fn(|cx| gate.poll_wait(seen, 0, cx)));
        notifier.join().unwrap();
    });
}

#[test]
fn one_that_enters_and_leaves_meanwhile_is_waited_for() {
    loom::model(|| {
        let gate = gate_with(1);
        let parent = {
            let gate = gate.clone();
            thread::spawn(move || {
                // A member lets another in before it leaves.
                gate.enter(false);
                let child = leaves(&gate);
                gate.leave(false);
                child.join().unwrap();
            })
        };
        wait_until_left(&gate, 0);
        assert_eq!(gate.count().members, 0);
        parent.join().unwrap();
    });
}
