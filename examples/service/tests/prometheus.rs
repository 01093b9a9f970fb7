//! A real Prometheus scrapes the shop.

#[path = "../../../tests/tools/mod.rs"]
mod tools;

mod rules;
mod running_shop;

use running_shop::RunningShop;
use serde_json::Value;
use service::Prometheus;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Asks until there is an answer.
#[track_caller]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(180),
            "{what}: not in two minutes"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn value_of(series: &Value) -> f64 {
    series["value"][1].as_str().unwrap().parse().unwrap()
}

fn in_example(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(path)
        .display()
        .to_string()
}

fn dashboard() -> Value {
    let text = std::fs::read_to_string(in_example("prometheus/dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The dashboard's variables that Prometheus has the values of: the name, and the query for them.
fn dashboard_variables() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    variables
        .iter()
        .filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let text = |key: &str| variable[key].as_str().unwrap().to_owned();
            (text("name"), text("definition"))
        })
        .collect()
}

/// Every query of the dashboard, with the title of its panel, where these values are chosen.
fn dashboard_queries(chosen: &[(&str, String)]) -> Vec<(String, String)> {
    let dashboard = dashboard();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            // Grafana puts at least four scrape intervals there.
            let mut query = query.replace("$__rate_interval", "10s");
            assert!(
                !query.contains("vector("),
                "{title}: what is no data: {query}"
            );
            for (variable, value) in chosen {
                let is_chosen = format!("{variable}=~\"${variable}\"");
                assert!(query.contains(&is_chosen), "{title}: {query}");
                query = query.replace(&format!("${variable}"), value);
            }
            assert!(!query.contains('$'), "{title}: {query}");
            queries.push((title.to_owned(), query));
        }
    }
    queries
}

#[test]
fn the_leak_is_scraped_shown_and_told() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let shop = RunningShop::open(&[]);
    let prometheus = Prometheus::start(shop.address).unwrap();

    let alert = wait_for("the alert", || {
        prometheus.firing("TasksKeepGrowing").unwrap().pop()
    });
    assert_eq!(alert["labels"]["name"], "place-order");
    let location = alert["labels"]["location"].as_str().unwrap();
    assert!(
        location.contains("examples/service/src/orders.rs:"),
        "{location}"
    );
    // Only this one leaks.
    let suspects = prometheus
        .query("max_over_time(taskleak_suspects[1m])")
        .unwrap();
    assert!(
        suspects.iter().all(|one| value_of(one) == 1.0),
        "{suspects:?}"
    );

    // On a busy machine a scrape may come too late.
    wait_for("a scrape without an error", || {
        let targets = prometheus.api("targets", &[]).unwrap();
        let target = &targets["activeTargets"][0];
        (target["health"] == "up" && target["lastError"] == "").then_some(())
    });

    let chosen = [
        ("job", "shop".to_owned()),
        ("instance", shop.address.to_string()),
    ];
    let variables = dashboard_variables();
    assert_eq!(variables.len(), chosen.len(), "{variables:?}");
    for ((variable, query), (name, value)) in variables.iter().zip(&chosen) {
        assert_eq!(variable, name);
        let query = query.replace("$job", "shop");
        let arguments = query
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = arguments.unwrap().rsplit_once(", ").unwrap();
        let values = prometheus.api(&format!("label/{label}/values"), &[("match[]", series)]);
        let values = values.unwrap();
        assert!(
            values.as_array().unwrap().contains(&value.as_str().into()),
            "{values}"
        );
    }
    for (panel, query) in dashboard_queries(&chosen) {
        wait_for(&format!("panel \"{panel}\", {query}"), || {
            let found = prometheus.query(&query).unwrap();
            (!found.is_empty()).then_some(())
        });
    }
    // None where the last scrape was missed.
    let live = |prometheus: &Prometheus| -> Option<f64> {
        let query = r#"taskleak_live_tasks{name="place-order"}"#;
        prometheus.query(query).unwrap().first().map(value_of)
    };
    let before = wait_for("orders", || live(&prometheus));
    let was = wait_for("more orders", || {
        live(&prometheus).filter(|live| *live > before)
    });

    // Without a Prometheus the shop goes on, and the next one finds it as it is.
    drop(prometheus);
    assert!(shop.page("/metrics").ends_with("# EOF\n"));
    let prometheus = Prometheus::start(shop.address).unwrap();
    let is = wait_for("the next Prometheus", || live(&prometheus));
    assert!(is >= was, "{is} < {was}");
}

#[test]
fn nothing_is_told_of_the_repaired_shop() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let shop = RunningShop::open(&["--fixed"]);
    let prometheus = Prometheus::start_with(&rules::impatient(), shop.address).unwrap();
    // As long as the leak takes, and half as long again: a scrape for each snapshot.
    wait_for("fifteen scrapes", || {
        let found = prometheus.query("count_over_time(taskleak_suspects[5m])");
        let found = found.unwrap();
        let scrapes = found.first().map_or(0.0, value_of);
        (scrapes >= 15.0).then_some(())
    });
    let suspects = prometheus
        .query("max_over_time(taskleak_suspects[5m])")
        .unwrap();
    assert!(
        suspects.iter().all(|one| value_of(one) == 0.0),
        "{suspects:?}"
    );
    // But for its report, which takes longer than it should also in this shop; and a snapshot may be
    // late by seconds, which these rules call off.
    let fired = r#"max_over_time(ALERTS{alertstate="firing", alertname!~"TasksOverTime|GrowthWatchIsOff"}[5m])"#;
    let alerts = prometheus.query(fired).unwrap();
    assert_eq!(alerts, Vec::<Value>::new());
    let orders = r#"taskleak_tasks_ended_total{name="place-order",outcome="finished"}"#;
    wait_for("finished orders", || {
        let found = prometheus.query(orders).unwrap();
        found
            .first()
            .filter(|ended| value_of(ended) > 10.0)
            .map(drop)
    });
}

#[test]
fn one_command_shows_it_all() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let printed = tools::printed(&mut Command::new(env!("CARGO_BIN_EXE_service")));
    assert!(printed.contains("Prometheus: alert "), "{printed}");
    assert!(
        printed.contains("tasks `place-order` are alive, and more all the time."),
        "{printed}"
    );
}

#[test]
fn the_rules_are_valid() {
    if !tools::is_installed("promtool", "prometheus") {
        return;
    }
    let rules = in_example("prometheus/taskleak.rules.yml");
    let printed = tools::printed(Command::new("promtool").args(["check", "rules", &rules]));
    assert!(printed.contains("SUCCESS: 6 rules found"), "{printed}");
}

/// Each alert fires of what it is for, after as long as it is to wait, and not of its twins.
#[test]
fn the_rules_fire_when_they_should_and_only_then() {
    if !tools::is_installed("promtool", "prometheus") {
        return;
    }
    let tests = in_example("prometheus/taskleak.rules.test.yml");
    let printed = tools::printed(Command::new("promtool").args(["test", "rules", &tests]));
    assert!(printed.contains("SUCCESS"), "{printed}");
    // None is left out.
    let tests = std::fs::read_to_string(tests).unwrap();
    let alerts = service::RULES
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        for name in [
            format!("- name: {alert}\n"),
            format!("- name: not {alert}\n"),
        ] {
            assert!(tests.contains(&name), "{name}");
        }
    }
}
