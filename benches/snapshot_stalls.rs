//! How long a snapshot of 100 000 live tasks keeps a spawn waiting: the spawns of one thread, while
//! another takes one snapshot after the other; beside the same spawns while that thread only copies a
//! snapshot that it has (as much memory, and no look at the registry), and while there is none.
//!
//! On a busy machine the longest spawn is one in which the thread lost its processor. So it is told
//! too which spawns *slept*: gave the processor up by themselves, as they do for a lock that somebody
//! holds. The tasks run on the thread that spawns them, so that no lock of tokio's is waited for.

use std::future::pending;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::Runtime;

const LIVE: usize = 100_000;
const ROUNDS: usize = 7;
const SPAWNS: usize = 200_000;

/// How often this thread has gone to sleep.
fn sleeps() -> i64 {
    // SAFETY: all zeroes is a `rusage`: it has numbers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live, writable rusage.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    usage.ru_nvcsw
}

#[derive(Default)]
struct Spawns {
    times: Vec<Duration>,
    /// The longest of each round.
    longest: Vec<Duration>,
    /// Those in which the thread slept.
    slept: Vec<Duration>,
    /// How often the other thread did what it does.
    meanwhile: usize,
}

/// What another thread does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Copies,
    Snapshots,
}

impl Spawns {
    fn add(&mut self, runtime: &Runtime, beside: Beside) {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                let kept = taskleak::manager().snapshot();
                let mut taken = 0;
                while beside != Beside::Nothing && !is_over.load(Relaxed) {
                    match beside {
                        Beside::Snapshots => drop(black_box(taskleak::manager().snapshot())),
                        _ => drop(black_box(kept.clone())),
                    }
                    taken += 1;
                }
                taken
            });
            let first = self.times.len();
            runtime.block_on(async {
                for number in 0..SPAWNS {
                    let slept = sleeps();
                    let start = Instant::now();
                    let task = Builder::new()
                        .name("beside".to_owned())
                        .data("number", number)
                        .spawn(async {});
                    let time = start.elapsed();
                    if sleeps() > slept {
                        self.slept.push(time);
                    }
                    self.times.push(time);
                    task.await.unwrap();
                }
            });
            is_over.store(true, Relaxed);
            self.longest.extend(self.times[first..].iter().max());
            self.meanwhile += other.join().unwrap();
        });
    }

    fn print(mut self, name: &str) {
        self.times.sort();
        self.longest.sort();
        let at = |share: f64| self.times[(self.times.len() as f64 * share) as usize];
        println!(
            "  {name}: half took at most {:?}, 99.9 % {:?}, 99.99 % {:?}; the longest of a round {:?} to \
             {:?}, median {:?}; {} times",
            at(0.5),
            at(0.999),
            at(0.9999),
            self.longest[0],
            self.longest[ROUNDS - 1],
            self.longest[ROUNDS / 2],
            self.meanwhile,
        );
        println!(
            "    {} of {} slept, the longest for {:?}",
            self.slept.len(),
            self.times.len(),
            self.slept.iter().max().unwrap_or(&Duration::ZERO),
        );
    }
}

type Spawn = fn(&mut JoinSet<()>, usize);

const ONE_NAME: Spawn = |live, _| {
    Builder::new().name("one").spawn_into(live, pending());
};
const MADE_NAMES: Spawn = |live, number| {
    Builder::new()
        .name(format!("name {}", number % 1000))
        .data("number", number)
        .spawn_into(live, pending());
};

fn main() {
    // Cargo hands filters and flags to every benchmark.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    // Not the main thread: glibc's allocator has others wait for its arena, where large blocks go.
    thread::spawn(measure).join().unwrap();
}

fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for (name, spawn) in [
        ("one name", ONE_NAME),
        ("1 000 names made at run time, with data", MADE_NAMES),
    ] {
        let mut live = JoinSet::new();
        let entered = runtime.enter();
        for number in 0..LIVE {
            spawn(&mut live, number);
        }
        drop(entered);
        let mut all = [
            (Beside::Nothing, "alone", Spawns::default()),
            (Beside::Copies, "beside copies", Spawns::default()),
            (Beside::Snapshots, "beside snapshots", Spawns::default()),
        ];
        // The live tasks' first polls are not what is measured.
        runtime.block_on(tokio::task::yield_now());
        for _ in 0..ROUNDS {
            for (beside, _, spawns) in &mut all {
                spawns.add(&runtime, *beside);
            }
        }
        println!("{ROUNDS} rounds of {SPAWNS} spawns, {LIVE} live tasks, {name}:");
        for (_, name, spawns) in all {
            spawns.print(name);
        }
        runtime.block_on(live.shutdown());
    }
}
