//! What tracking costs: the same rounds by plain tokio and by taskleak, on a current-thread runtime.
//!
//! ```text
//! cargo run --release --example spawn_cost             # pairs of runs, one after the other: ratios
//! cargo run --release --example spawn_cost tracked spawn 20000
//! ```
//!
//! Under `valgrind --tool=callgrind` the difference between two numbers of rounds of the latter, divided by
//! that of the numbers, is the cost of a round in instructions: `plain` or `tracked`; `empty` (spawn,
//! run and join a task without state), `spawn` (one with 100 bytes of it) or `message` (to a task and back).

use std::future::Future;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const USAGE: &str = "spawn_cost takes nothing, or three arguments: plain or tracked; empty, spawn or message; and a \
                     number of rounds";
const PAIRS: usize = 25;

async fn work<const BYTES: usize>(state: [u8; BYTES]) -> u32 {
    black_box(&state);
    7
}

fn spawn<F: Future<Output = u32> + Send + 'static>(is_tracked: bool, future: F) -> JoinHandle<u32> {
    if is_tracked {
        taskleak::spawn(future)
    } else {
        tokio::spawn(future)
    }
}

async fn spawn_run_join<const BYTES: usize>(is_tracked: bool, rounds: u32) {
    for _ in 0..rounds {
        spawn(is_tracked, work([7; BYTES])).await.unwrap();
    }
}

async fn messages(is_tracked: bool, rounds: u32) {
    let (ask, mut asked) = mpsc::channel::<u32>(1);
    let (answer, mut answered) = mpsc::channel::<u32>(1);
    let echo = spawn(is_tracked, async move {
        while let Some(question) = asked.recv().await {
            answer.send(question).await.unwrap();
        }
        0
    });
    for _ in 0..rounds {
        ask.send(7).await.unwrap();
        black_box(answered.recv().await.unwrap());
    }
    drop(ask);
    echo.await.unwrap();
}

#[derive(Clone, Copy)]
enum Round {
    Empty,
    Spawn,
    Message,
}

impl Round {
    const ALL: [(&str, Self); 3] = [
        ("empty", Self::Empty),
        ("spawn", Self::Spawn),
        ("message", Self::Message),
    ];

    /// So many of them, inside a plain task: spawning there is what services do.
    async fn run(self, is_tracked: bool, rounds: u32) -> Duration {
        let timed = async move {
            let begin = Instant::now();
            match self {
                Self::Empty => spawn_run_join::<0>(is_tracked, rounds).await,
                Self::Spawn => spawn_run_join::<100>(is_tracked, rounds).await,
                Self::Message => messages(is_tracked, rounds).await,
            }
            begin.elapsed()
        };
        tokio::spawn(timed).await.unwrap()
    }
}

/// How many times as long tracked runs took: the least of them to the least plain one, which a busy machine
/// disturbs least, and the median of the pairs.
async fn ratios(round: Round) -> (f64, f64) {
    const ROUNDS: u32 = 100_000;
    let (mut ratios, mut least) = (Vec::new(), [f64::INFINITY; 2]);
    for _ in 0..PAIRS {
        let plain = round.run(false, ROUNDS).await.as_secs_f64();
        let tracked = round.run(true, ROUNDS).await.as_secs_f64();
        ratios.push(tracked / plain);
        least = [least[0].min(plain), least[1].min(tracked)];
    }
    ratios.sort_by(f64::total_cmp);
    (least[1] / least[0], ratios[PAIRS / 2])
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        for (name, round) in Round::ALL {
            let (least, median) = ratios(round).await;
            println!(
                "{name:7}: tracked to plain {least:.2}x by the least runs, {median:.2}x at the median of {PAIRS} pairs"
            );
        }
        return;
    }
    let [who, what, rounds] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let is_tracked = match who.as_str() {
        "plain" => false,
        "tracked" => true,
        _ => panic!("{USAGE}"),
    };
    let round = Round::ALL.iter().find(|(name, _)| name == what);
    let (_, round) = round.expect(USAGE);
    let rounds = rounds.parse().expect(USAGE);
    round.run(is_tracked, rounds).await;
}
