//! The page, as a browser shows it.

mod tools;

use std::future::pending;
use std::process::Command;
use std::sync::Mutex;
use taskleak::export::http::{self, Server};
use taskleak::manager;
use taskleak::task::{Builder, JoinSet};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn run(test: impl AsyncFnOnce(&Server)) {
    if !tools::is_installed("chromium", "chromium") {
        return;
    }
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let server = http::serve(0).unwrap();
    // Its workers answer while the test waits for the browser.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(&server));
    drop(runtime);
    drop(turn);
}

/// The document after its script has run for some (virtual) seconds.
fn shown(server: &Server, path: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(tools::CHROMIUM)
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .env("TMPDIR", folder.path())
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(format!("http://{}{path}", server.address()));
    let mut document = tools::printed(&mut chromium);
    // The page's own script quotes much of what is looked for. A flame graph's is at its beginning.
    if let Some((page, _)) = document.split_once("<script>\n\"use strict\"") {
        document = page.to_owned();
    }
    document
}

#[track_caller]
fn assert_order(page: &str, parts: &[&str]) {
    let mut rest = page;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            panic!("{part} is missing, or not behind those before it of {parts:?}:\n{page}");
        };
        rest = after;
    }
}

fn spawn(name: &'static str, count: usize, tasks: &mut JoinSet<()>) {
    for number in 0..count {
        Builder::new()
            .name(name)
            .data("number", number)
            .spawn_into(tasks, pending::<()>());
    }
}

#[test]
fn names_are_listed_and_sorted() {
    run(async |server| {
        let mut tasks = JoinSet::new();
        spawn("alpha", 2, &mut tasks);
        spawn("beta", 5, &mut tasks);
        let page = shown(server, "/debug/tasks");
        assert!(page.contains("<b id=\"live\">7</b>"), "{page}");
        assert_order(
            &page,
            &[
                ">beta</button></th><td class=\"number\">5</td>",
                ">alpha</button>",
            ],
        );
        let page = shown(server, "/debug/tasks#sort=name");
        assert_order(
            &page,
            &["aria-sort=\"ascending\"", ">name<", ">alpha<", ">beta<"],
        );
        // What the service would refuse does not go to it.
        let page = shown(server, "/debug/tasks#sort=nothing&inner=nothing");
        assert_order(&page, &["aria-sort=\"descending\"", ">live<", ">beta<"]);
        let page = shown(server, "/debug/tasks#q=alph");
        assert!(!page.contains(">beta<"), "{page}");
        let page = shown(server, "/debug/tasks#open=name+beta");
        assert_order(
            &page,
            &[">beta<", "class=\"details\"", "number=4", ">alpha<"],
        );
        assert_eq!(page.matches(">number=").count(), 5, "{page}");
        // Behind their polls, each of them says how many have its name.
        let polls_and_count =
            "<td class=\"number\">1</td><td class=\"number\">5</td><td class=\"wide\">";
        assert_eq!(page.matches(polls_and_count).count(), 5, "{page}");
    });
}

#[test]
fn tasks_expand_to_trees() {
    run(async |server| {
        manager().set_backtraces(true);
        let parent = Builder::new().name("parent").spawn(async {
            let child = Builder::new()
                .name("child")
                .spawn(async { tokio::sync::Semaphore::new(0).acquire().await.map(drop) });
            let _ = child.await;
        });
        while manager().snapshot().live("child") == 0 {
            tokio::task::yield_now().await;
        }
        let id = manager()
            .snapshot()
            .tasks_named("parent")
            .next()
            .unwrap()
            .id();
        let child = manager()
            .snapshot()
            .tasks_named("child")
            .next()
            .unwrap()
            .id();
        let page = shown(server, "/debug/tasks#view=tree");
        assert!(page.contains("parent"), "{page}");
        assert!(
            !page.contains("<summary><span>child"),
            "the child is below it: {page}"
        );
        let open = format!("/debug/tasks#view=tree&trace=on&open=task+{id}&open=task+{child}");
        let page = shown(server, &open);
        assert_order(
            &page,
            &[
                "<summary><span>parent ",
                "waits in",
                "spawn backtrace",
                "export_page::tasks_expand_to_trees",
                "<summary><span>child ",
                "tokio::sync::Semaphore::acquire",
                "tasks above",
            ],
        );
        manager().set_backtraces(false);
        parent.abort();
    });
}

#[test]
fn hostile_data_is_text() {
    run(async |server| {
        let hostile = "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>\n'";
        let mut tasks = JoinSet::new();
        Builder::new()
            .name(hostile)
            .data(hostile, hostile)
            .spawn_into(&mut tasks, pending::<()>());
        let id = manager().snapshot().tasks()[0].id();
        for view in ["names", "tasks", "tree"] {
            let page = shown(server, &format!("/debug/tasks#view={view}&open=task+{id}"));
            assert!(page.contains("&lt;img src=x onerror="), "{page}");
            assert!(page.contains("<title>Tasks</title>"), "{page}");
            assert!(!page.contains("<img"), "{page}");
        }
        let graph = shown(server, "/debug/flamegraph");
        assert!(graph.contains("&lt;img"), "{graph}");
        assert!(!graph.contains("<img"), "{graph}");
    });
}
