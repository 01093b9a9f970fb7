//! Every alert fires of a service in which all is wrong, in a real Prometheus, and ends when it is repaired.

#[path = "../../../tests/tools/mod.rs"]
mod tools;

mod rules;

use serde_json::Value;
use service::{Prometheus, RULES};
use std::collections::BTreeSet;
use std::future::pending;
use std::time::{Duration, Instant};
use taskleak::manager::Config;
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::Runtime;

/// The names of all alerts.
fn shipped() -> BTreeSet<String> {
    let name = |line: &str| line.trim().strip_prefix("- alert: ").map(str::to_owned);
    RULES.lines().filter_map(name).collect()
}

/// The names of those that are firing.
fn firing(prometheus: &Prometheus) -> BTreeSet<String> {
    let alerts = prometheus.query(r#"ALERTS{alertstate="firing"}"#).unwrap();
    let name = |alert: &Value| alert["metric"]["alertname"].as_str().unwrap().to_owned();
    alerts.iter().map(name).collect()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// What is wrong and can be repaired.
struct Wrong {
    growing: JoinSet<()>,
    /// Their runtime's end is theirs.
    lost: Runtime,
}

impl Wrong {
    fn begin(runtime: &Runtime) -> Self {
        let _runtime = runtime.enter();
        // TaskNamesFolded: some names more than are shown.
        for number in 0..1100 {
            Builder::new()
                .name(format!("request {number}"))
                .spawn(async {});
        }
        // TasksNeverGoOn: nobody has a waker, nor anything else of them.
        let lost = self::runtime();
        for _ in 0..3 {
            drop(
                Builder::new()
                    .name("lost")
                    .spawn_on(pending::<()>(), lost.handle()),
            );
        }
        // TasksPanic: once, so that Prometheus never sees a smaller number.
        Builder::new()
            .name("import")
            .spawn(async { panic!("planned") });
        // GrowthWatchIsOff: what looks is no monitor that runs.
        taskleak::manager().configure(Config::new().growth(3));
        // TasksKeepGrowing.
        let mut growing = JoinSet::new();
        for _ in 0..5 {
            for _ in 0..5 {
                Builder::new()
                    .name("place-order")
                    .spawn_into(&mut growing, async {
                        tokio::time::sleep(Duration::from_secs(3600)).await;
                    });
            }
            taskleak::manager().monitor().take_now();
            // Longer than a tick of the clock: what was there before lasts.
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { growing, lost }
    }

    /// TasksOverTime: one more each time.
    fn go_on(runtime: &Runtime) {
        let report = Builder::new()
            .name("report")
            .timebox(Duration::from_millis(1));
        let _runtime = runtime.enter();
        report.spawn(tokio::time::sleep(Duration::from_millis(10)));
    }

    fn repair(self, runtime: &Runtime) {
        drop((self.growing, self.lost));
        let monitor = taskleak::manager().monitor();
        monitor.set_interval(Duration::from_secs(2));
        monitor.start_on(runtime.handle());
    }
}

/// Until the answer is as expected.
#[track_caller]
fn wait_for(expected: &BTreeSet<String>, mut ask: impl FnMut() -> BTreeSet<String>) {
    let begin = Instant::now();
    loop {
        let seen = ask();
        if seen == *expected {
            return;
        }
        let patience = Duration::from_secs(180);
        assert!(
            begin.elapsed() < patience,
            "in three minutes not {expected:?}, but {seen:?}"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn every_alert_fires_and_ends_when_its_cause_does() {
    if !tools::is_installed("prometheus", "prometheus") {
        return;
    }
    let runtime = runtime();
    let wrong = Wrong::begin(&runtime);
    let pages = taskleak::export::http::serve(0).unwrap();
    let prometheus = Prometheus::start_with(&rules::impatient(), pages.address()).unwrap();

    let shipped = shipped();
    assert_eq!(shipped.len(), 6, "{shipped:?}");
    let mut seen = BTreeSet::new();
    wait_for(&shipped, || {
        Wrong::go_on(&runtime);
        seen.extend(firing(&prometheus));
        seen.clone()
    });
    for (alert, name) in [
        ("TasksKeepGrowing", "place-order"),
        ("TasksNeverGoOn", "lost"),
        ("TasksPanic", "import"),
        ("TasksOverTime", "report"),
    ] {
        // Now and then it does not fire for a moment, where a scrape was missed.
        wait_for(&BTreeSet::from([name.to_owned()]), || {
            Wrong::go_on(&runtime);
            let alerts = prometheus.firing(alert).unwrap();
            let name = |alert: &Value| alert["labels"]["name"].as_str().unwrap().to_owned();
            alerts.iter().map(name).collect()
        });
    }

    wrong.repair(&runtime);
    // The others tell of what was, for minutes yet.
    let told_of_now = ["TasksKeepGrowing", "TasksNeverGoOn", "GrowthWatchIsOff"];
    wait_for(&BTreeSet::new(), || {
        let mut firing = firing(&prometheus);
        firing.retain(|alert| told_of_now.contains(&alert.as_str()));
        firing
    });
}
