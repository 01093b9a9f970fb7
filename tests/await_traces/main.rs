//! What tasks wait for: each kind of leaf future, with the lines of the `.await`s that lead to it.

mod cases;
mod invisible;
mod kinds;
mod leaves;
mod peers;
mod seen;

use cases::Case;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use taskleak::task::Builder;
use taskleak::{Action, AwaitNode, Dump, LeakReport, TaskInfo, TraceSource, verify_none};
use tokio::runtime::Id;

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);
/// Of these an optimised build may leave out the call of the socket's own method: the leaf is what that would call.
const INLINED: [&str; 3] = ["framed_next", "framed_read", "split_next"];
/// What is wrong is so each time.
const ATTEMPTS: usize = 5;

/// All kinds of leaves.
fn all_cases() -> impl Iterator<Item = &'static Case> {
    leaves::CASES.iter().chain(peers::CASES)
}

/// What is found of one case, tracked or not, in a runtime that the guard does not share.
fn report(case: &Case, is_tracked: bool) -> LeakReport {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let guard = verify_none()
            .grace(Duration::from_millis(300))
            .on_leak(Action::Warn)
            .cleanup(move |report| sender.send(report.clone()).unwrap());
        let task = if is_tracked {
            taskleak::spawn((case.spawn)())
        } else {
            tokio::spawn((case.spawn)())
        };
        guard.finish().await;
        end_pipes();
        task.abort();
        receiver.recv().expect("it leaks")
    });
    runtime.shutdown_background();
    report
}

/// What is found of one that is tracked; again if the machine was too busy for the task to answer.
fn answered_report(case: &Case) -> LeakReport {
    loop {
        let report = report(case, true);
        let tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
        if !tasks.into_iter().any(TaskInfo::is_silent) {
            return report;
        }
    }
}

/// What is wrong with some cases, which are looked at several at a time: on a busy machine a task may not have come to
/// its await point when it is.
fn wrong_of(
    cases: &[&'static Case],
    check: impl Fn(&'static Case) -> Option<String> + Sync,
) -> String {
    let check = |case| {
        let mut wrong = check(case);
        for _ in 1..ATTEMPTS {
            wrong = wrong.and_then(|_| check(case));
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let check = &check;
        let checks: Vec<_> = cases
            .chunks(cases.len().div_ceil(8))
            .map(|cases| {
                scope.spawn(move || cases.iter().copied().filter_map(check).collect::<Vec<_>>())
            })
            .collect();
        let wrong = checks.into_iter().map(|wrong| wrong.join().unwrap());
        wrong.flatten().collect()
    });
    wrong.join("\n")
}

/// A named pipe that nobody has written to.
fn fifo() -> PathBuf {
    let unique = format!(
        "taskleak-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(unique.replace(['(', ')'], ""));
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let runtime = tokio::runtime::Handle::current().id();
    PIPES.lock().unwrap().push((runtime, path.clone()));
    path
}

static PIPES: Mutex<Vec<(Id, PathBuf)>> = Mutex::new(Vec::new());

/// Lets go of who waits for one of this runtime's pipes, or is about to.
fn end_pipes() {
    let own = tokio::runtime::Handle::current().id();
    let mut pipes = PIPES.lock().unwrap();
    for (_, path) in pipes.extract_if(.., |(runtime, _)| *runtime == own) {
        let both_ends = File::options().read(true).write(true).open(&path).unwrap();
        // Open as long as the process: who comes to it only now does not wait either.
        std::mem::forget(both_ends);
        std::fs::remove_file(path).unwrap();
    }
}

/// Lines that the source marks with the name.
fn marked(case: &Case) -> BTreeSet<u32> {
    (1..)
        .zip(case.source.lines())
        .filter(|(_, line)| {
            let marks = line.split_once("//~ ").map_or("", |(_, marks)| marks);
            marks.split(' ').any(|mark| mark == case.name)
        })
        .map(|(number, _)| number)
        .collect()
}

/// The lines of this package that the nodes name, and the leaves; both as far as the task's own answer goes.
fn collect(
    case: &Case,
    nodes: &[AwaitNode],
    lines: &mut BTreeSet<u32>,
    leaves: &mut BTreeSet<String>,
) {
    for node in nodes {
        if node.source() == TraceSource::Census {
            continue;
        }
        if let Some(file) = node.file() {
            if !file.ends_with(format!("tests/await_traces/{}", case.file)) {
                // It still prepares, in what several files share.
                leaves.insert(format!("in {}", file.display()));
            }
            lines.insert(node.line().unwrap());
            assert!(node.column().is_some());
        }
        let is_answer = |node: &AwaitNode| node.source() == TraceSource::Poll;
        if !node.children().iter().any(is_answer) {
            leaves.insert(node.function().to_owned());
        }
        collect(case, node.children(), lines, leaves);
    }
}

/// What is wrong with the case's trace.
fn check(case: &Case, task: &TaskInfo) -> Result<(), String> {
    let Some(trace) = task.await_trace() else {
        return Err(format!(
            "{}: no trace, silent: {}",
            case.name,
            task.is_silent()
        ));
    };
    let (mut lines, mut leaves) = (BTreeSet::new(), BTreeSet::new());
    collect(case, trace.roots(), &mut lines, &mut leaves);
    let expected: BTreeSet<_> = case.leaves.iter().map(|leaf| (*leaf).to_owned()).collect();
    let is_in_it = |leaf: &String| leaf.ends_with("poll_read") || leaf.ends_with("poll_read_priv");
    let is_inlined = !cfg!(debug_assertions) && INLINED.contains(&case.name);
    if lines == marked(case)
        && (leaves == expected || is_inlined && leaves.iter().all(is_in_it))
        && trace.wakes_itself() == (case.name == "yields")
    {
        return Ok(());
    }
    Err(format!(
        "{}: lines {lines:?} for {:?}, leaves {leaves:?} for {expected:?}\n{trace}",
        case.name,
        marked(case)
    ))
}

/// What is wrong with the cases' tasks.
fn wrong(dump: &Dump, prefix: &str) -> Vec<String> {
    let wrong = all_cases().filter_map(|case| {
        let name = format!("{prefix}{}", case.name);
        let Some(task) = dump.tasks().find(|task| task.name() == name) else {
            return Some(format!("{name} is not there"));
        };
        check(case, task).err()
    });
    wrong.collect()
}

/// Spawns all, and looks at them until everything waits where it is to wait.
async fn check_all(prefix: &str) {
    for case in all_cases() {
        Builder::new()
            .name(format!("{prefix}{}", case.name))
            .spawn((case.spawn)());
    }
    let begun = Instant::now();
    let wrong = loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let wrong = wrong(&taskleak::dump().await, prefix);
        if wrong.is_empty() || begun.elapsed() > LONG {
            break wrong;
        }
    };
    end_pipes();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn on_a_current_thread_runtime() {
    check_all("c ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_multi_thread_runtime() {
    check_all("m ").await;
}
