//! What tasks wait for: each kind of leaf future, with the lines of the `.await`s that lead to it.

mod invisible;
mod leaves;
mod seen;

use leaves::CASES;
use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::Duration;
use taskleak::task::Builder;
use taskleak::{AwaitNode, Dump, TaskInfo, TraceSource};
use tokio::runtime::Id;

/// One kind of leaf.
pub struct Case {
    name: &'static str,
    leaves: &'static [&'static str],
    spawn: fn() -> Pin<Box<dyn Future<Output = ()> + Send>>,
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

/// Lets go of who waits for one of this runtime's pipes.
fn end_pipes() {
    let own = tokio::runtime::Handle::current().id();
    for (_, path) in PIPES
        .lock()
        .unwrap()
        .extract_if(.., |(runtime, _)| *runtime == own)
    {
        drop(
            std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&path),
        );
        std::fs::remove_file(path).unwrap();
    }
}

/// Lines that the source marks with the name.
fn marked(name: &str) -> BTreeSet<u32> {
    let source = include_str!("leaves.rs");
    (1..)
        .zip(source.lines())
        .filter(|(_, line)| {
            let marks = line.split_once("//~ ").map_or("", |(_, marks)| marks);
            marks.split(' ').any(|mark| mark == name)
        })
        .map(|(number, _)| number)
        .collect()
}

/// The lines of this package that the nodes name, and the leaves; both as far as the task's own answer goes.
fn collect(nodes: &[AwaitNode], lines: &mut BTreeSet<u32>, leaves: &mut BTreeSet<String>) {
    for node in nodes {
        if node.source() == TraceSource::Census {
            continue;
        }
        if let Some(file) = node.file() {
            assert!(file.ends_with("tests/await_traces/leaves.rs"), "{file:?}");
            lines.insert(node.line().unwrap());
            assert!(node.column().is_some());
        }
        let is_answer = |node: &AwaitNode| node.source() == TraceSource::Poll;
        if !node.children().iter().any(is_answer) {
            leaves.insert(node.function().to_owned());
        }
        collect(node.children(), lines, leaves);
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
    collect(trace.roots(), &mut lines, &mut leaves);
    let expected: BTreeSet<_> = case.leaves.iter().map(|leaf| (*leaf).to_owned()).collect();
    if lines == marked(case.name)
        && leaves == expected
        && trace.wakes_itself() == (case.name == "yields")
    {
        return Ok(());
    }
    Err(format!(
        "{}: lines {lines:?} for {:?}, leaves {leaves:?} for {expected:?}\n{trace}",
        case.name,
        marked(case.name)
    ))
}

#[track_caller]
fn check_all(dump: &Dump, prefix: &str) {
    let wrong: Vec<_> = CASES
        .iter()
        .filter_map(|case| {
            let name = format!("{prefix}{}", case.name);
            let Some(task) = dump.tasks().find(|task| task.name() == name) else {
                return Some(format!("{name} is not there"));
            };
            check(case, task).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Until everything waits where it is to wait.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn on_a_current_thread_runtime() {
    for case in CASES {
        Builder::new()
            .name(format!("c {}", case.name))
            .spawn((case.spawn)());
    }
    settle().await;
    let dump = taskleak::dump().await;
    end_pipes();
    check_all(&dump, "c ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_multi_thread_runtime() {
    for case in CASES {
        Builder::new()
            .name(format!("m {}", case.name))
            .spawn((case.spawn)());
    }
    settle().await;
    let dump = taskleak::dump().await;
    end_pipes();
    check_all(&dump, "m ");
}
