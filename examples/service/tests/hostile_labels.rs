//! Whatever names and data tasks are given, a real Prometheus reads back what was given, or what the
//! documentation says of it.

#[path = "../../../tests/tools/mod.rs"]
mod tools;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use service::Prometheus;
use std::collections::BTreeMap;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use taskleak::export::prometheus::{self, TaskCollector};
use taskleak::task::{Builder, JoinSet};

const KEY: &str = "a \"key\"\n{}";
const LABEL: &str = "a__key____";

/// What is given, and what is read back of it.
fn hostile() -> Vec<(String, String)> {
    let as_given = [
        "plain",
        "a\nline break",
        "\n",
        "\r\n",
        "\"",
        "a \"quoted\" one",
        "\\",
        "a back\\slash",
        "\\n",
        "\\\"",
        "ends in \\",
        "{}",
        "}",
        "a{name=\"b\"} 1",
        "\"} 1\ntaskleak_live_tasks{name=\"forged",
        "# EOF",
        "\n# EOF\n",
        " blanks ",
        "\t",
        "\u{1}\u{7f}\u{85}",
        "nul \0 within",
        "\u{fffe}",
        "\u{feff}\u{ffff}\u{202e}\u{2028}",
        "größe \u{1f980} \u{10ffff}",
    ];
    let mut hostile: Vec<_> = as_given
        .into_iter()
        .map(|text| (text.to_owned(), text.to_owned()))
        .collect();
    // As long as may be, and longer: 10 kB.
    let long = "\"".repeat(200);
    hostile.push((long.clone(), long));
    for one in ["x", "\n", "\\", "\u{1f980}"] {
        let given = one.repeat(10_240 / one.len());
        hostile.push((given, format!("{}…", one.repeat(200))));
    }
    // An empty label is to Prometheus none.
    hostile.push((String::new(), String::new()));
    hostile
}

async fn serve(collector: TaskCollector) -> SocketAddr {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let registry = Arc::new(registry);
    let metrics = move || async move {
        // Off the threads that poll tasks.
        let written = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        });
        let content_type = [(CONTENT_TYPE, prometheus::CONTENT_TYPE)];
        (content_type, written.await.unwrap())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/metrics", get(metrics))).await
    });
    address
}

/// Its live tasks by name and by the value of the key.
fn read_back(prometheus: &Prometheus) -> BTreeMap<(String, String), u64> {
    let series = prometheus.query("taskleak_live_tasks").unwrap();
    let label = |one: &Value, label: &str| one["metric"][label].as_str().unwrap_or("").to_owned();
    let count = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
    series
        .iter()
        .map(|one| ((label(one, "name"), label(one, LABEL)), count(one)))
        .collect()
}

#[test]
fn a_real_prometheus_reads_back_what_was_given() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut tasks = JoinSet::new();
    let mut expected = BTreeMap::new();
    for (given, read) in hostile() {
        let _runtime = runtime.enter();
        Builder::new()
            .name(given.clone())
            .data(KEY, given)
            .spawn_into(&mut tasks, pending::<()>());
        *expected.entry((read.clone(), read)).or_default() += 1;
    }
    // Two that differ only behind what is cut off are counted together.
    let long = |end: &str| format!("{}{end}", "long".repeat(2560));
    for end in ["one", "other"] {
        let _runtime = runtime.enter();
        Builder::new()
            .name(long(end))
            .spawn_into(&mut tasks, pending::<()>());
    }
    expected.insert((format!("{}…", "long".repeat(50)), String::new()), 2);

    let address = runtime.block_on(serve(TaskCollector::new().label(KEY)));
    let prometheus = Prometheus::start(address).unwrap();
    let begin = Instant::now();
    let read = loop {
        let read = read_back(&prometheus);
        let targets = prometheus.api("targets", &[]).unwrap();
        if !read.is_empty() && targets["activeTargets"][0]["lastError"] == "" {
            break read;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(180),
            "nothing was scraped without an error in three minutes: {targets}"
        );
        std::thread::sleep(Duration::from_millis(100));
    };
    for (labels, count) in &expected {
        assert_eq!(read.get(labels), Some(count), "{labels:?} of {read:#?}");
    }
    assert_eq!(read.len(), expected.len(), "{read:#?}");
}
