//! Metrics, as Prometheus' own tool reads them.

mod metrics_text;
mod tools;

use metrics_text::{assert_prometheus_reads, registry, scrape, series, sum};
use std::future::pending;
use std::sync::Mutex;
use taskleak::export::prometheus::TaskCollector;
use taskleak::task::{Builder, JoinSet};

/// All tests see the tasks of all: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn run(test: impl AsyncFnOnce()) {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test());
    drop(runtime);
    drop(turn);
}

#[test]
fn hostile_names_and_data_are_escaped() {
    run(async || {
        let hostile = "a\"b\\c\nd é";
        let mut tasks = JoinSet::new();
        Builder::new()
            .name(hostile)
            .data("a key\n", hostile)
            .spawn_into(&mut tasks, pending::<()>());
        let text = scrape(&registry(TaskCollector::new().label("a key\n")));
        let expected = r#"taskleak_live_tasks{name="a\"b\\c\nd é",a_key_="a\"b\\c\nd é"} 1"#;
        assert!(text.lines().any(|line| line == expected), "{text}");
        assert!(text.ends_with("\n# EOF\n"));
        assert_prometheus_reads(&text);
    });
}

#[test]
fn every_count_is_there_from_the_start() {
    run(async || {
        let registry = registry(TaskCollector::new());
        Builder::new().name("once").spawn(async {}).await.unwrap();
        let text = scrape(&registry);
        for (metric, labels, value) in [
            ("taskleak_live_tasks", r#"{name="once"}"#, 0.0),
            ("taskleak_oldest_task_age_seconds", r#"{name="once"}"#, 0.0),
            ("taskleak_tasks_started_total", r#"{name="once"}"#, 1.0),
            (
                "taskleak_tasks_ended_total",
                r#"{name="once",outcome="finished"}"#,
                1.0,
            ),
            (
                "taskleak_tasks_ended_total",
                r#"{name="once",outcome="panicked"}"#,
                0.0,
            ),
            ("taskleak_tasks_over_time_total", r#"{name="once"}"#, 0.0),
            ("taskleak_suspects", "", 0.0),
            ("taskleak_monitor_running", "", 0.0),
            ("taskleak_missed_events_total", "", 0.0),
            ("taskleak_folded_series", r#"{metric="names"}"#, 0.0),
        ] {
            assert_eq!(
                series(&text, metric).get(labels),
                Some(&value),
                "{metric}{labels}\n{text}"
            );
        }
    });
}

#[test]
fn data_is_folded_and_the_sum_stays_right() {
    run(async || {
        let mut tasks = JoinSet::new();
        for number in 0..50 {
            let tenant = if number < 20 {
                "big".to_owned()
            } else {
                format!("small {number}")
            };
            Builder::new()
                .name("tenants")
                .data("tenant", tenant)
                .spawn_into(&mut tasks, pending::<()>());
        }
        let text = scrape(&registry(
            TaskCollector::new().label("tenant").most_names(5),
        ));
        let live = series(&text, "taskleak_live_tasks");
        let of = |labels: &str| live.get(labels).copied();
        assert_eq!(of(r#"{name="tenants",tenant="big"}"#), Some(20.0), "{text}");
        assert_eq!(
            of(r#"{name="tenants",tenant="(other)"}"#),
            Some(26.0),
            "{text}"
        );
        assert_eq!(sum(&text, "taskleak_live_tasks"), 50.0);
        let folded = series(&text, "taskleak_folded_series");
        assert_eq!(folded[r#"{metric="taskleak_live_tasks"}"#], 26.0);
    });
}

#[test]
fn orphans_are_told_from_tasks_that_somebody_can_wake() {
    run(async || {
        for _ in 0..3 {
            drop(Builder::new().name("lost").spawn(pending::<()>()));
        }
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        Builder::new().name("waiting").spawn(receiver);
        drop(
            Builder::new()
                .name("meant to stay")
                .background()
                .spawn(pending::<()>()),
        );
        tokio::task::yield_now().await;
        let orphans = series(
            &scrape(&registry(TaskCollector::new())),
            "taskleak_orphan_tasks",
        );
        assert_eq!(orphans[r#"{name="lost"}"#], 3.0);
        assert_eq!(orphans[r#"{name="waiting"}"#], 0.0);
        assert_eq!(orphans[r#"{name="meant to stay"}"#], 0.0);
        drop(sender);
    });
}

#[cfg(feature = "metrics")]
#[test]
fn what_tokio_metrics_measures_is_there() {
    run(async || {
        let measured = taskleak::manager().measured("measured", tokio::task::yield_now());
        Builder::new()
            .name("measured")
            .spawn(measured)
            .await
            .unwrap();
        let text = scrape(&registry(TaskCollector::new()));
        let polls = series(&text, "taskleak_polls_total");
        assert_eq!(polls[r#"{name="measured"}"#], 2.0);
        for metric in ["poll_time", "scheduled_time", "idle_time"] {
            let times = series(&text, &format!("taskleak_{metric}_seconds_total"));
            assert!(
                times.contains_key(r#"{name="measured"}"#),
                "{metric}: {text}"
            );
        }
        assert_prometheus_reads(&text);
    });
}

/// Whoever reads them, and how often.
#[cfg(feature = "metrics")]
#[test]
fn what_tokio_counts_of_a_measured_runtime_is_there() {
    run(async || {
        let manager = taskleak::manager();
        manager.measure_runtime("a \"main\" one", &tokio::runtime::Handle::current());
        let mut tasks = JoinSet::new();
        for _ in 0..3 {
            Builder::new()
                .name("alive")
                .spawn_into(&mut tasks, pending::<()>());
        }
        let registry = registry(TaskCollector::new());
        let label = r#"{runtime="a \"main\" one"}"#;
        let value = |text: &str, metric: &str| {
            let metric = format!("taskleak_runtime_{metric}");
            let values = series(text, &metric);
            *values
                .get(label)
                .unwrap_or_else(|| panic!("{metric}: {text}"))
        };
        // The worker goes to sleep, and is woken.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let first = scrape(&registry);
        assert_eq!(value(&first, "workers"), 1.0);
        assert_eq!(value(&first, "alive_tasks"), 3.0);
        assert_eq!(value(&first, "global_queue_depth"), 0.0);
        assert_prometheus_reads(&first);
        // Who reads by intervals takes nothing away from who scrapes.
        assert!(!manager.runtime_metrics().is_empty());
        let second = scrape(&registry);
        for metric in ["busy_time_seconds_total", "parks_total"] {
            assert!(value(&first, metric) > 0.0, "{metric}: {first}");
            assert!(value(&second, metric) >= value(&first, metric), "{metric}");
        }
    });
}
