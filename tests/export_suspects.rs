//! Names that keep growing, more of them than have series. By itself, since the growth watch is the process's.

mod metrics_text;
mod tools;

use metrics_text::{assert_prometheus_reads, registry, scrape, series, sum};
use std::future::pending;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;
use taskleak::export::http;
use taskleak::export::prometheus::TaskCollector;
use taskleak::manager::Config;
use taskleak::task::{Builder, JoinSet};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// A name is suspect when more of its tasks have lasted for a look three times.
const ROUNDS: usize = 4;

/// Runs with a watch over three snapshots, of which each comes after more tasks were spawned.
fn grow(mut more: impl FnMut(&mut JoinSet<()>, usize), test: impl FnOnce()) {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    taskleak::manager().configure(Config::new().growth(3));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let mut tasks = JoinSet::new();
    for round in 0..ROUNDS {
        let entered = runtime.enter();
        more(&mut tasks, round);
        drop(entered);
        taskleak::manager().monitor().take_now();
        // Longer than a tick of the clock: what was there before lasts.
        std::thread::sleep(Duration::from_millis(20));
    }
    test();
    drop(tasks);
    drop(runtime);
    // Names without live tasks are forgotten.
    taskleak::manager().monitor().take_now();
    drop(turn);
}

fn json(address: SocketAddr, query: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /debug/tasks.json?{query} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[test]
fn of_many_suspects_some_have_series_and_the_others_are_counted_together() {
    const NAMES: usize = 1005;
    let spawn = |tasks: &mut JoinSet<()>, _| {
        for number in 0..NAMES {
            Builder::new()
                .name(format!("pool {number:04}"))
                .spawn_into(tasks, pending::<()>());
        }
    };
    grow(spawn, || {
        let text = scrape(&registry(TaskCollector::new()));
        assert_eq!(series(&text, "taskleak_suspects")[""], NAMES as f64);
        let tasks = series(&text, "taskleak_suspect_tasks");
        assert_eq!(tasks.len(), 101);
        let others = r#"{fingerprint="(other)",name="(other names)",location="(other)"}"#;
        assert_eq!(tasks[others], (ROUNDS * (NAMES - 100)) as f64);
        assert_eq!(
            sum(&text, "taskleak_suspect_tasks"),
            (ROUNDS * NAMES) as f64
        );
        let folded = series(&text, "taskleak_folded_series");
        let folded = folded[r#"{metric="taskleak_suspect_tasks"}"#];
        assert_eq!(folded, (NAMES - 100) as f64);
        assert_prometheus_reads(&text);

        let pages = http::serve(0).unwrap();
        let listing = json(pages.address(), "limit=1");
        assert_eq!(listing["suspects"].as_array().unwrap().len(), 1000);
        assert_eq!(listing["suspects_total"], NAMES);
    });
}

#[test]
fn a_task_of_two_suspects_is_counted_once() {
    let mut next = 0;
    let spawn = |tasks: &mut JoinSet<()>, _| {
        // At one place: three of one name, ten that have names of their own.
        for number in 0..13 {
            let name = if number < 3 {
                "tenant hot".to_owned()
            } else {
                next += 1;
                format!("tenant {next}")
            };
            Builder::new().name(name).spawn_into(tasks, pending::<()>());
        }
    };
    grow(spawn, || {
        let snapshot = taskleak::manager().snapshot();
        let differ: Vec<_> = snapshot
            .suspects()
            .iter()
            .map(|suspect| (suspect.names_differ(), suspect.live()))
            .collect();
        assert_eq!(differ, [(true, 13 * ROUNDS), (false, 3 * ROUNDS)]);
        let text = scrape(&registry(TaskCollector::new()));
        let tasks = series(&text, "taskleak_suspect_tasks");
        let hot = tasks
            .iter()
            .find(|(labels, _)| labels.contains("\"tenant hot\""));
        assert_eq!(hot.unwrap().1, &((3 * ROUNDS) as f64), "{tasks:?}");
        assert_eq!(
            sum(&text, "taskleak_suspect_tasks"),
            (13 * ROUNDS) as f64,
            "{tasks:?}"
        );
    });
}

/// Those are meant to live on: metrics, page and [`Suspect::live`](taskleak::manager::Suspect::live) agree on it.
#[test]
fn background_tasks_of_a_suspect_name_are_not_its_tasks() {
    let mut next = 0;
    let spawn = |tasks: &mut JoinSet<()>, _| {
        for number in 0..5 {
            next += 1;
            let with = |builder: Builder| match number {
                0 | 1 => builder.background(),
                _ => builder,
            };
            // By a fixed name, and by a spawn site whose tasks have names of their own.
            let reaper = with(Builder::new().name("reaper"));
            reaper.spawn_into(tasks, pending::<()>());
            let session = with(Builder::new().name(format!("session {next}")));
            session.spawn_into(tasks, pending::<()>());
        }
    };
    grow(spawn, || {
        let snapshot = taskleak::manager().snapshot();
        assert_eq!(snapshot.live("reaper"), 5 * ROUNDS);
        let suspects = snapshot.suspects();
        let mut live: Vec<_> = suspects
            .iter()
            .map(|suspect| (suspect.names_differ(), suspect.live()))
            .collect();
        live.sort_unstable();
        assert_eq!(live, [(false, 3 * ROUNDS), (true, 3 * ROUNDS)]);
        let text = scrape(&registry(TaskCollector::new()));
        assert_eq!(
            sum(&text, "taskleak_suspect_tasks"),
            (2 * 3 * ROUNDS) as f64,
            "{suspects:?}"
        );
        let pages = http::serve(0).unwrap();
        let listing = json(pages.address(), "suspects=true");
        assert_eq!(listing["matching"], 2 * 3 * ROUNDS);
        let tasks = listing["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 2 * 3 * ROUNDS);
    });
}
