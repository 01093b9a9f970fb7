//! Metrics stay bounded. By itself, since names stay for as long as the process runs.

mod metrics_text;
mod tools;

use metrics_text::{assert_prometheus_reads, registry, scrape, series, sum};
use std::future::pending;
use taskleak::export::prometheus::TaskCollector;
use taskleak::task::{Builder, JoinSet};

#[tokio::test]
async fn a_hundred_thousand_names_are_bounded() {
    const NAMES: u32 = 100_000;
    let registry = registry(TaskCollector::new().most_names(100));
    let before = scrape(&registry);
    let mut tasks = JoinSet::new();
    for number in 0..NAMES {
        Builder::new()
            .name(format!("number {number}"))
            .spawn_into(&mut tasks, pending::<()>());
    }
    let text = scrape(&registry);
    let live = series(&text, "taskleak_live_tasks");
    assert_eq!(live.len(), 101, "100 names, and the others");
    assert_eq!(sum(&text, "taskleak_live_tasks"), f64::from(NAMES));
    let started = |text: &str| sum(text, "taskleak_tasks_started_total");
    assert_eq!(started(&text) - started(&before), f64::from(NAMES));
    let folded = series(&text, "taskleak_folded_series");
    assert!(folded[r#"{metric="names"}"#] > 65_000.0, "{folded:?}");
    assert_prometheus_reads(&text);

    // What is shown stays shown, and no counter goes down, when other names have most tasks.
    drop(tasks);
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        Builder::new()
            .name("late")
            .spawn_into(&mut tasks, pending::<()>());
    }
    let later = series(&scrape(&registry), "taskleak_tasks_started_total");
    for (labels, count) in series(&text, "taskleak_tasks_started_total") {
        assert!(later[&labels] >= count, "{labels}");
    }
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn of_many_runtimes_the_first_hundred_have_series() {
    let here = tokio::runtime::Handle::current();
    let registry = registry(TaskCollector::new());
    taskleak::manager().measure_runtime("first", &here);
    // Names before it in the alphabet do not push it out.
    for number in 0..150 {
        taskleak::manager().measure_runtime(format!("a runtime {number}"), &here);
    }
    let text = scrape(&registry);
    let workers = series(&text, "taskleak_runtime_workers");
    assert_eq!(workers.len(), 101, "{text}");
    assert_eq!(workers[r#"{runtime="first"}"#], 1.0);
    let others = workers[r#"{runtime="(other runtimes)"}"#];
    let folded = series(&text, "taskleak_folded_series")[r#"{metric="runtimes"}"#];
    assert_eq!(others, folded);
    assert!(folded >= 51.0, "{folded}");
}
