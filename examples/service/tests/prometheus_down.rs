//! The Prometheus that scrapes the shop is killed, and comes back.

#[path = "../../../tests/tools/mod.rs"]
mod tools;

use service::Prometheus;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Shop {
    process: Child,
    url: String,
}

impl Shop {
    fn open() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_service"))
            .args(["--keep-running", "--without-prometheus"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo built it");
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says where it is");
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let url = line.trim().trim_start_matches("The tasks: ");
        let url = url.trim_end_matches("/debug/tasks").to_owned();
        Self { process, url }
    }

    fn prometheus(&self) -> Prometheus {
        let address = self.url.trim_start_matches("http://");
        Prometheus::start(address.parse().expect("an address")).expect("it starts")
    }

    /// How many orders were taken, as the shop itself says.
    fn orders(&self) -> f64 {
        let mut answer = ureq::get(format!("{}/metrics", self.url)).call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let series = format!("{STARTED} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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
    let mut shop = Shop::open();
    let prometheus = shop.prometheus();
    wait_for_alert(&prometheus);
    let scraped = wait_for("orders", || value_of(&prometheus, STARTED));
    // Killed, in the middle of a scrape or not.
    drop(prometheus);

    let before = shop.orders();
    assert!(before >= scraped, "{before} < {scraped}");
    let meanwhile = wait_for("orders while nobody scrapes", || {
        let orders = shop.orders();
        (orders > before + 5.0).then_some(orders)
    });
    assert!(shop.process.try_wait().unwrap().is_none(), "it has ended");

    let prometheus = shop.prometheus();
    // Counted on from where they were, those of the time between too.
    let again = wait_for("the counter", || value_of(&prometheus, STARTED));
    assert!(again >= meanwhile, "{again} < {meanwhile}");
    wait_for("more of them", || {
        value_of(&prometheus, STARTED).filter(|orders| *orders > again)
    });
    wait_for_alert(&prometheus);
    assert!(shop.process.try_wait().unwrap().is_none(), "it has ended");
}
