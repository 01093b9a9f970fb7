//! Random programs of tasks that wait for each other, of which it is known who really has what: of no task may be said
//! that it is stuck that could ever run again.
//!
//! `RANDOM_DEADLOCKS` says how many (150 if unset), `RANDOM_DEADLOCKS_SEED` where to begin.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    debug_assertions,
    feature = "census"
))]

mod oracle;
mod program;
mod real;
mod run;

use program::Program;
use run::Outcome;
use std::time::Instant;

#[test]
fn what_is_said_to_be_stuck_is_stuck() {
    let count = number("RANDOM_DEADLOCKS", 150);
    let first = number("RANDOM_DEADLOCKS_SEED", 1);
    let begin = Instant::now();
    let (mut alive, mut stuck, mut said, mut proved, mut restless) = (0, 0, 0, 0, 0);
    let (mut programs, mut told) = (0, 0);
    for seed in first..first + count {
        let program = program::program(seed);
        let Some(outcome) = run::run(&program) else {
            restless += 1;
            continue;
        };
        if let Some(wrong) = wrong(&outcome) {
            eprintln!("seed {seed}:\n{program}{wrong}");
            let fails = |program: &Program| {
                (0..3).any(|_| run::run(program).is_some_and(|found| wrong_is_some(&found)))
            };
            let small = shrunk(program, fails);
            let again = run::run(&small).and_then(|found| self::wrong(&found));
            panic!("seed {seed}, shrunk:\n{small}{}", again.unwrap_or(wrong));
        }
        let mut said_here = count_said(&outcome);
        // A task that happened to be polled was not read.
        for _ in 0..2 {
            if said_here < outcome.stuck.len()
                && let Some(again) = run::run(&program)
                && !wrong_is_some(&again)
            {
                said_here = said_here.max(count_said(&again));
            }
        }
        if said_here < outcome.stuck.len() && std::env::var_os("RANDOM_DEADLOCKS_SHOW").is_some() {
            eprintln!(
                "seed {seed}: not all said\n{program}{outcome:?}\n{}",
                outcome.report
            );
        }
        alive += outcome.alive;
        stuck += outcome.stuck.len();
        said += said_here;
        proved += outcome.proved.len();
        programs += usize::from(!outcome.stuck.is_empty());
        told += usize::from(said_here > 0 && said_here == outcome.stuck.len());
    }
    println!(
        "{count} programs from seed {first} in {:.1?}: {alive} tasks were left, {stuck} of them stuck for ever, of which \
         {said} were said to be ({proved} proved); all of {told} programs of {programs}. {restless} did not come to rest.",
        begin.elapsed(),
    );
    // So that nothing is tested by saying nothing.
    assert!(said * 10 >= stuck * 8, "{said} of {stuck} are said");
}

/// How many of the stuck tasks are said to be.
fn count_said(outcome: &Outcome) -> usize {
    let is_said = |task: &&usize| outcome.likely.contains(task) || outcome.proved.contains(task);
    outcome.stuck.iter().filter(is_said).count()
}

fn wrong_is_some(outcome: &Outcome) -> bool {
    wrong(outcome).is_some()
}

fn wrong(outcome: &Outcome) -> Option<String> {
    for (what, said, stuck) in [
        ("likely", &outcome.likely, &outcome.stuck),
        ("proved", &outcome.proved, &outcome.certain),
    ] {
        let mut wrong = said.difference(stuck);
        if let Some(task) = wrong.next() {
            let report = &outcome.report;
            return Some(format!(
                "task {task} can run again, and was said ({what}) to be stuck\n{report}"
            ));
        }
    }
    None
}

/// The smallest program found that still fails.
fn shrunk(mut program: Program, fails: impl Fn(&Program) -> bool) -> Program {
    'smaller: loop {
        for handle in 0..program.handles.len() {
            let mut without = program.clone();
            for ops in &mut without.tasks {
                ops.retain(|op| !real::is_on(*op, handle));
            }
            without.handles[handle].first = program::Owner::Nobody;
            let is_new = program.handles[handle].first != program::Owner::Nobody;
            if is_new && fails(&without) {
                program = without;
                continue 'smaller;
            }
        }
        for task in 0..program.tasks.len() {
            for at in 0..program.tasks[task].len() {
                let mut without = program.clone();
                without.tasks[task].remove(at);
                if fails(&without) {
                    program = without;
                    continue 'smaller;
                }
            }
        }
        return program;
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
