//! How long a snapshot of 100 000 live tasks keeps a spawn waiting: the spawns of one thread, while
//! another takes one snapshot after the other, beside the same spawns with nobody taking any.
//!
//! On a busy machine the longest spawn is one in which the thread lost its processor. So it is told
//! too for how long the thread was *blocked*: neither running nor waiting for a processor, by the
//! kernel's own account (Linux). That is what a lock that somebody holds would add to.

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
/// The kernel is asked once for so many spawns.
const BATCH: usize = 100;

/// Where this thread's time went.
struct Account {
    wall: Instant,
    ran: Duration,
    /// Able to run, without a processor.
    waited: Duration,
}

impl Account {
    fn read() -> Option<Self> {
        let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let waited = schedule.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self {
            ran: cpu_time(),
            waited: Duration::from_nanos(waited),
            wall: Instant::now(),
        })
    }

    fn blocked_since(&self, earlier: &Self) -> Duration {
        let passed = self.wall - earlier.wall;
        passed.saturating_sub(self.ran - earlier.ran + (self.waited - earlier.waited))
    }
}

/// The CPU time that this thread has used.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live, writable timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[derive(Default)]
struct Spawns {
    times: Vec<Duration>,
    /// The longest of each round.
    longest: Vec<Duration>,
    /// Of each batch.
    blocked: Vec<Duration>,
    snapshots: usize,
}

impl Spawns {
    fn add(&mut self, runtime: &Runtime, beside_snapshots: bool) {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let snapshots = scope.spawn(|| {
                let mut taken = 0;
                while beside_snapshots && !is_over.load(Relaxed) {
                    black_box(taskleak::manager().snapshot());
                    taken += 1;
                }
                taken
            });
            let _entered = runtime.enter();
            let first = self.times.len();
            for batch in 0..SPAWNS / BATCH {
                let before = Account::read();
                for number in 0..BATCH {
                    let start = Instant::now();
                    let task = Builder::new()
                        .name("beside".to_owned())
                        .data("number", batch * BATCH + number)
                        .spawn(async {});
                    self.times.push(start.elapsed());
                    drop(task);
                }
                let (after, before) = (Account::read(), before);
                let blocked = after.zip(before).map(|(one, other)| one.blocked_since(&other));
                self.blocked.extend(blocked);
            }
            is_over.store(true, Relaxed);
            self.longest.extend(self.times[first..].iter().max());
            self.snapshots += snapshots.join().unwrap();
        });
    }

    fn print(mut self, name: &str) {
        self.times.sort();
        self.longest.sort();
        self.blocked.sort();
        let at = |share: f64| self.times[(self.times.len() as f64 * share) as usize];
        println!(
            "  {name}: half took at most {:?}, 99.9 % {:?}, 99.99 % {:?}; the longest of a round {:?} to \
             {:?}, median {:?}; {} snapshots",
            at(0.5),
            at(0.999),
            at(0.9999),
            self.longest[0],
            self.longest[ROUNDS - 1],
            self.longest[ROUNDS / 2],
            self.snapshots,
        );
        match self.blocked.last() {
            Some(most) => println!(
                "    blocked in {BATCH} spawns: 99.9 % at most {:?}, the most {most:?}; in all {:?} of {:?}",
                self.blocked[self.blocked.len() / 1000 * 999],
                self.blocked.iter().sum::<Duration>(),
                self.times.iter().sum::<Duration>(),
            ),
            None => println!("    this system does not say for how long a thread was blocked"),
        }
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
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
        let (mut beside, mut alone) = (Spawns::default(), Spawns::default());
        for _ in 0..ROUNDS {
            alone.add(&runtime, false);
            beside.add(&runtime, true);
        }
        println!("{ROUNDS} rounds of {SPAWNS} spawns beside {LIVE} live tasks, {name}:");
        alone.print("no snapshots");
        beside.print("snapshots all the time");
        runtime.block_on(live.shutdown());
    }
}
