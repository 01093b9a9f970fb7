//! What it costs to ask tasks what they wait for: `cargo run --release --example trace_cost [rounds] [tasks]`.
//!
//! Under `valgrind --tool=callgrind` the difference of two numbers of rounds is the cost in instructions.

use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Receiver, channel};

async fn receive(receiver: &mut Receiver<u32>) -> Option<u32> {
    receiver.recv().await
}

async fn serve(mut receiver: Receiver<u32>) {
    while receive(&mut receiver).await.is_some() {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|number| number.parse().unwrap());
    let rounds = numbers.next().unwrap_or(100_u32);
    let tasks = numbers.next().unwrap_or(1000_u32);
    let mut senders = Vec::new();
    for _ in 0..tasks {
        let (sender, receiver) = channel(1);
        taskleak::spawn(serve(receiver));
        senders.push(sender);
    }
    tokio::task::yield_now().await;
    let manager = taskleak::manager();
    let within = Duration::from_secs(60);
    // The first one reads unwind rules.
    drop(manager.traced_snapshot(within).await);
    let (mut traced, mut plain) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let start = Instant::now();
        let snapshot = manager.traced_snapshot(within).await;
        assert!(snapshot.tasks().iter().all(|task| !task.is_silent()));
        traced += start.elapsed();
        let start = Instant::now();
        drop(manager.snapshot());
        plain += start.elapsed();
    }
    let each = |time: Duration| time.as_nanos() / u128::from(rounds * tasks).max(1);
    println!(
        "{} ns a task for a snapshot with traces, {} without",
        each(traced),
        each(plain)
    );
}
