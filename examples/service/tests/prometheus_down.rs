//! The Prometheus that scrapes the shop is killed, and comes back.

#[path = "../../../tests/tools/mod.rs"]
mod tools;

mod running_shop;

use running_shop::RunningShop;
use service::Prometheus;
use std::time::{Duration, Instant};

const STARTED: &str = r#"taskleak_tasks_started_total{name="place-order"}"#;

#[track_caller]
fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        let waited = begin.elapsed();
        assert!(
            waited < Duration::from_secs(180),
            "{what}: not in three minutes"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn value_of(prometheus: &Prometheus, query: &str) -> Option<f64> {
    let found = prometheus.query(query).unwrap();
    found.first()?["value"][1].as_str()?.parse().ok()
}

/// How many orders were taken, as the shop itself says.
fn orders(shop: &RunningShop) -> f64 {
    let text = shop.page("/metrics");
    let series = format!("{STARTED} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.map_or(0.0, |value| value.parse().unwrap())
}

fn wait_for_alert(prometheus: &Prometheus) {
    wait_for("the alert", || {
        prometheus.firing("TasksKeepGrowing").unwrap().pop()
    });
}

#[test]
fn the_service_goes_on_and_its_counters_and_alerts_are_there_again() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let mut shop = RunningShop::open(&[]);
    let prometheus = Prometheus::start(shop.address).expect("it starts");
    wait_for_alert(&prometheus);
    let scraped = wait_for("orders", || value_of(&prometheus, STARTED));
    // Killed, in the middle of a scrape or not.
    drop(prometheus);

    let before = orders(&shop);
    assert!(before >= scraped, "{before} < {scraped}");
    let meanwhile = wait_for("orders while nobody scrapes", || {
        let orders = orders(&shop);
        (orders > before + 5.0).then_some(orders)
    });
    assert!(shop.process.try_wait().unwrap().is_none(), "it has ended");

    let prometheus = Prometheus::start(shop.address).expect("it starts");
    // Counted on from where they were, those of the time between too.
    let again = wait_for("the counter", || value_of(&prometheus, STARTED));
    assert!(again >= meanwhile, "{again} < {meanwhile}");
    wait_for("more of them", || {
        value_of(&prometheus, STARTED).filter(|orders| *orders > again)
    });
    wait_for_alert(&prometheus);
    assert!(shop.process.try_wait().unwrap().is_none(), "it has ended");
}
