//! Random programs of tasks whose leaks are known before they run: nothing may be missed, and
//! nothing blamed wrongly.
//!
//! `RANDOM_PROGRAMS` says how many (500 if unset), `RANDOM_PROGRAMS_SEED` where to begin: program
//! n of seed s is the first of seed s + n, so that one that failed can be run alone.

mod generate;
mod half;
mod oracle;
mod program;
mod rows;
mod run;
mod shrink;

use oracle::Prophecy;
use program::Program;
use rows::{Expected, Grace};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Programs run side by side, as tests do.
const THREADS: u64 = 4;
/// A program that takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

#[test]
fn nothing_is_missed_and_nothing_blamed_wrongly() {
    let count = number("RANDOM_PROGRAMS", 500);
    let first = number("RANDOM_PROGRAMS_SEED", 1);
    let begin = Instant::now();
    let next = AtomicU64::new(first);
    let tally = Mutex::new(Tally::default());
    let running: [Mutex<Option<(u64, Instant)>>; THREADS as usize] = Default::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS as usize)
            .map(|thread| {
                let (next, tally, running) = (&next, &tally, &running[thread]);
                scope.spawn(move || {
                    loop {
                        let seed = next.fetch_add(1, Relaxed);
                        if seed >= first + count || tally.lock().unwrap().failure.is_some() {
                            return;
                        }
                        *running.lock().unwrap() = Some((seed, Instant::now()));
                        check(seed, tally);
                        *running.lock().unwrap() = None;
                    }
                })
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            running.iter().for_each(abort_if_it_hangs);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let tally = tally.into_inner().unwrap();
    if let Some(failure) = tally.failure {
        panic!("{failure}");
    }
    println!(
        "{count} programs from seed {first} in {:.1?}: {} tasks, {} of them leaked, in {} programs; \
         {} programs were given more grace. By row: {:?}",
        begin.elapsed(),
        tally.tasks,
        tally.leaks,
        tally.leaking,
        tally.late,
        tally.rows,
    );
}

#[derive(Default)]
struct Tally {
    tasks: usize,
    leaks: usize,
    leaking: usize,
    late: usize,
    rows: BTreeMap<String, usize>,
    failure: Option<String>,
}

fn check(seed: u64, tally: &Mutex<Tally>) {
    let (program, prophecy) = generate::program(seed);
    let checked = Checked::run(&program, &prophecy, seed);
    let failure = checked.failure.map(|first| {
        // Shrinking takes its time, and may not find it again.
        eprintln!("seed {seed} fails:\n{program}{first}");
        let graces = |program: &_, prophecy: &_| Grace::of(program, prophecy).for_shrinking();
        let fails = |program: &_, prophecy: &_| {
            let grace = graces(program, prophecy);
            (0..10).find_map(|_| Checked::run_with(program, prophecy, seed, grace).failure)
        };
        let (small, prophecy) =
            shrink::shrunk(program.clone(), prophecy.clone(), |program, prophecy| {
                fails(program, prophecy).is_some()
            });
        let again = fails(&small, &prophecy).unwrap_or_else(|| "  not this time".to_owned());
        format!("seed {seed}:\n{program}{first}\nshrunk:\n{small}{again}")
    });
    let mut tally = tally.lock().unwrap();
    let leaks = prophecy.leaks(&program).len() + prophecy.unseen(&program);
    tally.tasks += program.tasks.len() - 1;
    tally.leaks += leaks;
    tally.leaking += usize::from(leaks > 0);
    tally.late += usize::from(checked.late);
    *tally.rows.entry(format!("{:?}", program.row)).or_default() += 1;
    if failure.is_some() {
        tally.failure = failure;
    }
}

struct Checked {
    /// What was wrong.
    failure: Option<String>,
    /// The verdict was right only with more grace.
    late: bool,
}

impl Checked {
    fn run(program: &Program, prophecy: &Prophecy, seed: u64) -> Self {
        let begin = Instant::now();
        let grace = Grace::of(program, prophecy);
        let mut checked = Self::run_with(program, prophecy, seed, grace);
        if checked.failure.is_none() && begin.elapsed() > rows::AMPLE {
            checked.failure = Some("  nobody woke the guard\n".to_owned());
        }
        checked
    }

    fn run_with(program: &Program, prophecy: &Prophecy, seed: u64, mut grace: Grace) -> Self {
        let expected = Expected::of(program, prophecy, seed);
        for attempt in 0..4 {
            let (verdict, run) = rows::judged(program, prophecy, seed, grace);
            if expected.is(&verdict) {
                return Self {
                    failure: None,
                    late: attempt > 0,
                };
            }
            let may_be_slow = rows::time_is_real(program) && prophecy.stuck.contains(&true);
            if !may_be_slow || !expected.came_early(&verdict) || attempt == 3 {
                let mut failure = format!("  expected {expected:?}\n  found    {verdict:?}\n");
                for task in 1..program.tasks.len() {
                    let stuck = if prophecy.stuck[task] {
                        "stuck"
                    } else {
                        "ends"
                    };
                    let ended = run.has_ended(task);
                    let _ = writeln!(failure, "  task {task}: {stuck}; has ended: {ended}");
                }
                return Self {
                    failure: Some(failure),
                    late: false,
                };
            }
            grace = grace.longer();
        }
        unreachable!("the last attempt returns")
    }
}

fn abort_if_it_hangs(running: &Mutex<Option<(u64, Instant)>>) {
    if let Some((seed, begin)) = *running.lock().unwrap()
        && begin.elapsed() > HANGS
    {
        let (program, prophecy) = generate::program(seed);
        let stuck: Vec<usize> = prophecy.stuck_ones().collect();
        eprintln!("seed {seed} hangs; stuck should be {stuck:?}:\n{program}");
        std::process::abort();
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
        _ => default,
    }
}
