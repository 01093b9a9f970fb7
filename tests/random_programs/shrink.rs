//! Making a program smaller that shows a mistake.

use super::oracle::{self, Prophecy};
use super::program::{Op, Program, Wait};

/// The smallest program found that still fails, by leaving out one thing after the other.
pub fn shrunk(
    mut program: Program,
    mut prophecy: Prophecy,
    mut fails: impl FnMut(&Program, &Prophecy) -> bool,
) -> (Program, Prophecy) {
    'smaller: loop {
        for mut candidate in candidates(&program) {
            if oracle::let_body_end(&mut candidate).is_ok()
                && let Ok(foretold) = oracle::foretell(&candidate)
                && fails(&candidate, &foretold)
            {
                (program, prophecy) = (candidate, foretold);
                continue 'smaller;
            }
        }
        return (program, prophecy);
    }
}

fn candidates(program: &Program) -> Vec<Program> {
    let mut candidates = Vec::new();
    // Whole tasks first; what they own goes with them.
    for task in 1..program.tasks.len() {
        if let Some(spawner) = program.spawner_of(task) {
            let mut without = program.clone();
            without.tasks[spawner].ops.retain(|op| !names(*op, task));
            candidates.push(without);
        }
    }
    for half in 0..program.halves.len() {
        let mut without = program.clone();
        for task in &mut without.tasks {
            task.ops.retain(|op| !uses(*op, half));
        }
        if count(&without) < count(program) {
            candidates.push(without);
        }
    }
    for task in 0..program.tasks.len() {
        for at in 0..program.tasks[task].ops.len() {
            let mut without = program.clone();
            without.tasks[task].ops.remove(at);
            candidates.push(without);
            if let Op::Select(one, two) = program.tasks[task].ops[at] {
                for wait in [one, two] {
                    let mut simpler = program.clone();
                    simpler.tasks[task].ops[at] = Op::Wait(wait);
                    candidates.push(simpler);
                }
            }
        }
    }
    candidates
}

fn count(program: &Program) -> usize {
    program.tasks.iter().map(|task| task.ops.len()).sum()
}

fn names(op: Op, task: usize) -> bool {
    let waits = |wait| wait == Wait::Join(task);
    match op {
        Op::Spawn(other) | Op::Abort(other) => other == task,
        Op::Wait(wait) => waits(wait),
        Op::Select(one, two) => waits(one) || waits(two),
        _ => false,
    }
}

fn uses(op: Op, half: usize) -> bool {
    let waits = |wait| wait == Wait::Take(half);
    match op {
        Op::Give(other) | Op::Drop(other) => other == half,
        Op::Wait(wait) => waits(wait),
        Op::Select(one, two) => waits(one) || waits(two),
        _ => false,
    }
}
