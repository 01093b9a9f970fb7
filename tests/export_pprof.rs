//! Profiles, as `go tool pprof` reads them.

mod tools;

use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use taskleak::export::pprof::{Profile, TextDump};
use taskleak::manager;
use taskleak::task::{Builder, JoinSet};
use tokio::sync::mpsc::Receiver;

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

async fn receive(mut nothing: Receiver<()>) {
    nothing.recv().await;
}

fn open_connections(count: usize, tasks: &mut JoinSet<()>) {
    for number in 0..count {
        let (sender, nothing) = tokio::sync::mpsc::channel(1);
        Builder::new()
            .name("connection")
            .data("peer", number % 2)
            .spawn_into(tasks, async move {
                receive(nothing).await;
                drop(sender);
            });
    }
}

trait Service<Request> {
    fn call(&self, request: Request, tasks: &mut JoinSet<()>);
}

struct Shop;

impl<Request: Send + 'static> Service<Request> for Shop {
    fn call(&self, request: Request, tasks: &mut JoinSet<()>) {
        tasks.spawn(async move {
            pending::<()>().await;
            drop(request);
        });
    }
}

/// Runs with backtraces on.
fn run(test: impl AsyncFnOnce()) {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    manager().set_backtraces(true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test());
    drop(runtime);
    manager().set_backtraces(false);
    drop(turn);
}

async fn profile() -> Profile {
    let within = Duration::from_secs(10);
    Profile::of(&manager().traced_snapshot(within).await)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn go_tool_pprof(arguments: &[&str]) -> String {
    let mut command = Command::new("go");
    command.args(["tool", "pprof"]).args(arguments);
    // Lines that say where it looked for sources go to standard error.
    tools::printed(&mut command)
}

/// The line that ends so, without its columns' spaces.
#[track_caller]
fn line_of(text: &str, end: &str) -> String {
    let line = text.lines().find(|line| line.ends_with(end));
    let line = line.unwrap_or_else(|| panic!("no line ends with {end}:\n{text}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn go_tool_pprof_reads_a_profile() {
    if !tools::is_installed("go", "golang-go") {
        return;
    }
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let mut tasks = JoinSet::new();
        open_connections(10, &mut tasks);
        tokio::task::yield_now().await;
        let base = write(folder.path(), "base.pb.gz", &profile().await.to_gzip());
        open_connections(20, &mut tasks);
        tokio::task::yield_now().await;
        let later = write(folder.path(), "later.pb.gz", &profile().await.to_gzip());
        let [base, later] = [base, later].map(|path| path.display().to_string());

        let top = go_tool_pprof(&["-top", &later]);
        assert!(top.contains("Type: tasks\n"), "{top}");
        assert!(top.contains("of 30 total"), "{top}");
        // What it waits in is the innermost frame, and what spawned it is below.
        assert_eq!(
            line_of(&top, "tokio::sync::mpsc::Receiver::recv"),
            "30 100% 100% 30 100% tokio::sync::mpsc::Receiver::recv"
        );
        assert_eq!(
            line_of(&top, "export_pprof::open_connections"),
            "0 0% 100% 30 100% export_pprof::open_connections"
        );

        let peek = go_tool_pprof(&["-peek", "export_pprof::receive", &later]);
        assert!(peek.contains("tokio::sync::mpsc::Receiver::recv"), "{peek}");

        let grown = go_tool_pprof(&["-top", &format!("-diff_base={base}"), &later]);
        assert!(
            line_of(&grown, "tokio::sync::mpsc::Receiver::recv").starts_with("20 "),
            "{grown}"
        );

        let age = go_tool_pprof(&["-top", "-sample_index=age", &later]);
        assert!(age.contains("Type: age\n"), "{age}");

        let tags = go_tool_pprof(&["-tags", &later]);
        for expected in [
            "peer: Total 30",
            "name: Total 30",
            "state: Total 30",
            "kind: Total 30",
        ] {
            assert!(tags.contains(expected), "no {expected}:\n{tags}");
        }
        let fingerprints = go_tool_pprof(&["-traces", &later]);
        assert!(fingerprints.contains("fingerprint:"), "{fingerprints}");
    });
}

/// It would cut what it takes for the arguments of C++ templates and functions.
#[test]
fn go_tool_pprof_shows_methods_of_traits_whole() {
    if !tools::is_installed("go", "golang-go") {
        return;
    }
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let mut tasks = JoinSet::new();
        Shop.call(17, &mut tasks);
        let profile = profile().await;
        let method = "<export_pprof::Shop as export_pprof::Service<Request>>::call";
        assert!(profile.to_string().contains(method), "{profile}");
        let path = write(folder.path(), "tasks.pb.gz", &profile.to_gzip());
        let top = go_tool_pprof(&["-top", &path.display().to_string()]);
        let line = line_of(&top, method);
        assert!(line.ends_with(&format!(" 1 100% {method}")), "{top}");
    });
}

#[test]
fn go_tool_pprof_reads_hostile_data_and_the_text_form() {
    if !tools::is_installed("go", "golang-go") {
        return;
    }
    run(async || {
        let folder = tempfile::tempdir().unwrap();
        let hostile = "a\"b\\c\nd\0é;{}";
        let task = Builder::new()
            .name(hostile)
            .data("name", hostile)
            .data("a key\n", hostile)
            .data("", "of no key")
            .data("__x", "reserved")
            .data("a_key_", "second of its label")
            .data("of no value", "")
            .spawn(pending::<()>());
        let profile = profile().await;
        let binary = write(folder.path(), "tasks.pb.gz", &profile.to_gzip());
        let raw = go_tool_pprof(&["-raw", &binary.display().to_string()]);
        for label in [
            "data_name:[",
            "a_key_:[",
            "data_:[of no key]",
            "data___x:[reserved]",
        ] {
            assert!(raw.contains(label), "no {label}: {raw}");
        }
        for none in ["of_no_value", "second of its label"] {
            assert!(!raw.contains(none), "{none}: {raw}");
        }
        let text = write(folder.path(), "tasks.txt", profile.to_string().as_bytes());
        let raw = go_tool_pprof(&["-raw", &text.display().to_string()]);
        assert!(raw.contains("Samples:\ntask/count\n"), "{raw}");
        task.abort();
    });
}

#[test]
fn labels_are_those_of_chosen_data() {
    run(async || {
        let task = Builder::new()
            .data("tenant", "acme")
            .data("a request", 17)
            .spawn(pending::<()>());
        let snapshot = manager().snapshot();
        for (keys, has_tenant, has_request) in [
            (&["tenant"][..], true, false),
            (&["a request", "nobody's"], false, true),
            (&["a_request", "tenant"], true, true),
            (&[], false, false),
        ] {
            let text = Profile::with_data(&snapshot, keys).to_string();
            assert_eq!(text.contains(r#""tenant":"acme""#), has_tenant, "{text}");
            assert_eq!(text.contains(r#""a_request":"17""#), has_request, "{text}");
            assert!(text.contains(r#""kind":"task""#), "{text}");
        }
        task.abort();
    });
}

#[test]
fn the_text_form_is_that_of_go() {
    run(async || {
        let mut tasks = JoinSet::new();
        open_connections(4, &mut tasks);
        tokio::task::yield_now().await;
        let profile = profile().await;
        let text = profile.to_string();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("task profile: total 4"));
        assert!(lines.next().unwrap().starts_with("2 @ 0x"), "{text}");
        let labels = lines.next().unwrap();
        assert!(
            labels.starts_with(r##"# labels: {"name":"connection", "state":"pending", "kind":"task", "fingerprint":""##),
            "{text}"
        );
        assert!(labels.ends_with(r#", "peer":"0"}"#), "{text}");
        let innermost = lines.next().unwrap();
        assert!(
            innermost.contains("\ttokio::sync::mpsc::Receiver::recv"),
            "{text}"
        );
        // What has no place has none; what has one has its own line.
        assert!(!text.contains("\t:") && !text.contains(":0\n"), "{text}");
        let own = "\texport_pprof::receive\t";
        let own = text.lines().find(|line| line.contains(own)).unwrap();
        assert!(own.contains("tests/export_pprof.rs:"), "{text}");
    });
}

#[test]
fn a_dump_has_every_task() {
    run(async || {
        let mut tasks = JoinSet::new();
        open_connections(2, &mut tasks);
        tokio::task::yield_now().await;
        let snapshot = manager().traced_snapshot(Duration::from_secs(10)).await;
        let dump = TextDump::of(&snapshot).to_string();
        let oldest = &snapshot.tasks()[0];
        let (id, peer) = (oldest.id(), oldest.data_value("peer").unwrap());
        assert!(
            dump.starts_with(&format!(
                "task {id} [pending, labels:{{\"name\":\"connection\",\"peer\":\"{peer}\"}}]:\n\
                 tokio::sync::mpsc::Receiver::recv\n"
            )),
            "{dump}"
        );
        assert_eq!(
            dump.matches("\ncreated by export_pprof::open_connections\n\t")
                .count(),
            2
        );
        assert_eq!(dump.matches("\n\ntask ").count(), 1);
    });
}

#[test]
fn without_backtraces_the_tasks_above_stand_for_them() {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let parent = Builder::new().name("parent").spawn(async {
            taskleak::spawn(pending::<()>());
            pending::<()>().await;
        });
        tokio::task::yield_now().await;
        let text = TextDump::of(&manager().snapshot()).to_string();
        assert!(text.contains("created by parent in task "), "{text}");
        assert!(text.contains("created by tests/export_pprof.rs:"), "{text}");
        parent.abort();
    });
    drop(runtime);
    drop(turn);
}

/// Who reads lines must not take a part of a name for one.
#[test]
fn names_make_no_lines_of_their_own() {
    const NAME: &str = "parent\n\ntask 7 [pending, labels:{}]:\r\n#\t0x1\tforged";
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let parent = Builder::new().name(NAME).spawn(async {
            Builder::new().name(NAME).spawn(pending::<()>());
            pending::<()>().await;
        });
        tokio::task::yield_now().await;
        let snapshot = manager().snapshot();
        let dump = TextDump::of(&snapshot).to_string();
        assert!(dump.contains("created by parent\\n\\ntask 7"), "{dump}");
        let begins = |text: &str, begin: &str| {
            let lines = text.lines().filter(|line| line.starts_with(begin));
            lines.count()
        };
        assert_eq!(begins(&dump, "task "), 2, "{dump}");
        let profile = Profile::of(&snapshot).to_string();
        assert!(profile.contains("parent\\n\\ntask 7"), "{profile}");
        // The line that says how many there are.
        assert_eq!(begins(&profile, "task "), 1, "{profile}");
        assert!(!profile.contains("\n#\t0x1\tforged"), "{profile}");
        parent.abort();
    });
    drop(runtime);
    drop(turn);
}
