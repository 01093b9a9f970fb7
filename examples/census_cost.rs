//! What it costs to name tasks that nobody tracked: `cargo run --example census_cost [tasks]`, in the dev profile, as
//! tests are built. (A benchmark can't: its profile has no debug info, and the first use is only once a process.)
//!
//! Beside the time that passed it prints how much of it the thread ran, which does not depend on what else the machine
//! does.

use std::time::{Duration, Instant};
use taskleak::{Options, find, verify_none};

async fn leak(depth: u32) {
    if depth == 0 {
        std::future::pending::<()>().await;
    } else {
        Box::pin(leak(depth - 1)).await;
    }
}

/// How long this thread has run so far.
fn time_run() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the system writes to the one place it is given, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let tasks = std::env::args().nth(1);
    let tasks: u32 = tasks.map_or(10_000, |tasks| tasks.parse().expect("a number of tasks"));
    let guard = verify_none().on_leak(taskleak::Action::Warn);
    let census = |what: &str| {
        tokio::task::block_in_place(|| {
            let (begin, ran) = (Instant::now(), time_run());
            let report = find(Options::new().grace(Duration::ZERO)).expect_err("tasks are left");
            let took = begin.elapsed();
            let ran = time_run().saturating_sub(ran);
            let (named, counted) = (report.unseen().len(), report.unseen_count());
            println!("{what}: {took:.1?}, {ran:.1?} of it run, for {named} of {counted} tasks");
        });
    };
    tokio::spawn(leak(3));
    tokio::time::sleep(Duration::from_millis(10)).await;
    census("the first use");
    census("a later use");
    for _ in 1..tasks {
        tokio::spawn(leak(3));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    census("many tasks");
    drop(guard.cleanup(|_| std::process::exit(0)));
}
