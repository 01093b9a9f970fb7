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
    // Those that come last are first in the alphabet: too many to be kept, they have no counters.
    for number in (0..NAMES).rev() {
        Builder::new()
            .name(format!("number {number:06}"))
            .spawn_into(&mut tasks, pending::<()>());
    }
    let text = scrape(&registry);
    let live = series(&text, "taskleak_live_tasks");
    assert_eq!(live.len(), 51, "half of 100 names, and the others");
    assert_eq!(sum(&text, "taskleak_live_tasks"), f64::from(NAMES));
    let counted = series(&text, "taskleak_tasks_started_total");
    assert_eq!(counted.len(), 51);
    assert!(counted.values().all(|count| *count > 0.0), "{counted:?}");
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
    let later = scrape(&registry);
    // A name that is in the code has room.
    assert_eq!(
        series(&later, "taskleak_live_tasks")[r#"{name="late"}"#],
        10.0
    );
    let later = series(&later, "taskleak_tasks_started_total");
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

    // Those that are measured no longer take nothing with them, and nobody moves up.
    while runtime_parks(&scrape(&registry))[OTHER_RUNTIMES] == 0.0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let before = runtime_parks(&scrape(&registry));
    for name in ["first", "a runtime 1", "a runtime 149"] {
        assert!(taskleak::manager().unmeasure_runtime(name));
    }
    // Nor does one that is measured anew.
    taskleak::manager().measure_runtime("a runtime 148", &here);
    let text = scrape(&registry);
    let after = runtime_parks(&text);
    assert!(before.keys().eq(after.keys()), "{before:?} {after:?}");
    for (label, parks) in before {
        assert!(after[&label] >= parks, "{label}: {after:?} < {parks}");
    }
    let workers = series(&text, "taskleak_runtime_workers");
    assert_eq!(workers.len(), 99, "{workers:?}");
    assert_eq!(workers[OTHER_RUNTIMES], others - 1.0);
}

#[cfg(feature = "metrics")]
const OTHER_RUNTIMES: &str = r#"{runtime="(other runtimes)"}"#;

#[cfg(feature = "metrics")]
fn runtime_parks(text: &str) -> std::collections::BTreeMap<String, f64> {
    series(text, "taskleak_runtime_parks_total")
}
