//! Metrics, as Prometheus' own tool reads them.

mod metrics_text;
mod tools;

use metrics_text::{assert_prometheus_reads, registry, scrape, series, sum};
use std::collections::BTreeSet;
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

/// By these figures the docs say how many there are at most.
#[test]
fn a_name_has_nine_series_and_the_process_ten() {
    run(async || {
        let registry = registry(TaskCollector::new());
        Builder::new().name("nine").spawn(async {}).await.unwrap();
        // What is known only while it runs, too.
        taskleak::manager().monitor().start();
        let text = scrape(&registry);
        taskleak::manager().monitor().stop();
        let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let of_name = series.iter().filter(|line| line.contains("name=\"nine\""));
        assert_eq!(of_name.count(), 9, "{text}");
        let is_of_many = |line: &str| line.contains("name=\"") || line.contains("runtime=\"");
        let others = series.iter().filter(|line| !is_of_many(line));
        assert_eq!(others.count(), 10, "{text}");
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
            ("taskleak_tracking", "", 1.0),
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

/// Prometheus keeps every series that it has ever seen.
#[test]
fn label_sets_that_are_shown_stay_and_others_stay_folded() {
    run(async || {
        let registry = registry(TaskCollector::new().label("tenant").most_names(3));
        let scrape_with = async |tenants: [&str; 3]| {
            let mut tasks = JoinSet::new();
            for tenant in tenants {
                Builder::new()
                    .name("of tenants")
                    .data("tenant", tenant)
                    .spawn_into(&mut tasks, pending::<()>());
            }
            let live = series(&scrape(&registry), "taskleak_live_tasks");
            tasks.shutdown().await;
            live.into_iter()
                .filter(|(labels, _)| labels.contains("\"of tenants\""))
                .collect::<Vec<_>>()
        };
        let row = |tenant: &str, live: f64| {
            let labels = format!(r#"{{name="of tenants",tenant="{tenant}"}}"#);
            (labels, live)
        };
        let first = scrape_with(["a", "b", "c"]).await;
        assert_eq!(first, [row("a", 1.0), row("b", 1.0), row("c", 1.0)]);
        let second = scrape_with(["c", "d", "e"]).await;
        assert_eq!(second[..2], [row("(other)", 2.0), row("a", 0.0)]);
        assert_eq!(second[2..], [row("b", 0.0), row("c", 1.0)]);
    });
}

/// Prometheus keeps every series that it has ever seen: as many as are in any scrape.
#[test]
fn names_and_data_that_never_come_again_make_no_more_series() {
    run(async || {
        const MOST: usize = 10;
        let registry = registry(TaskCollector::new().label("request").most_names(MOST));
        let mut seen = BTreeSet::new();
        for scraped in 0..10 {
            let mut tasks = JoinSet::new();
            for number in 0..20 {
                let request = format!("{scraped} {number}");
                Builder::new()
                    .name(format!("request {request}"))
                    .data("request", &request)
                    .spawn_into(&mut tasks, pending::<()>());
                Builder::new()
                    .name("request")
                    .data("request", &request)
                    .spawn_into(&mut tasks, pending::<()>());
            }
            let text = scrape(&registry);
            let of_requests = series(&text, "taskleak_live_tasks");
            let of_requests = of_requests
                .iter()
                .filter(|(label, _)| label.contains("request"));
            assert!(
                of_requests.map(|(_, count)| count).sum::<f64>() >= 40.0,
                "{text}"
            );
            let folded = series(&text, "taskleak_folded_series");
            assert!(
                folded[r#"{metric="taskleak_live_tasks"}"#] >= 30.0,
                "{folded:?}"
            );
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            // What other tests measure is left out.
            let is_of_tasks = |line: &&str| {
                !line.starts_with("taskleak_runtime_") && !line.contains("\"measured\"")
            };
            let series = lines
                .filter(is_of_tasks)
                .filter_map(|line| line.rsplit_once(' '));
            seen.extend(series.map(|(series, _)| series.to_owned()));
            tasks.shutdown().await;
        }
        // As the documentation says, and that no name is a suspect.
        let most = 8 * (MOST + 1) + 2 * (MOST + 1) + MOST + 9;
        assert!(seen.len() <= most, "{} > {most}: {seen:#?}", seen.len());
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
        let total = |metric: &str| {
            let values = series(&text, &format!("taskleak_{metric}_total"));
            values[r#"{name="measured"}"#]
        };
        for (metric, count) in [
            ("measured_tasks", 1.0),
            ("measured_tasks_ended", 1.0),
            ("first_polls", 1.0),
        ] {
            assert_eq!(total(metric), count, "{metric}: {text}");
        }
        assert!(total("idled") <= 1.0, "{text}");
        for metric in ["slow_polls", "long_delays"] {
            assert!(total(metric) <= total("polls"), "{metric}: {text}");
        }
        for metric in [
            "poll_time",
            "slow_poll_time",
            "scheduled_time",
            "long_delay_time",
            "idle_time",
            "first_poll_delay",
        ] {
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

/// A hooked task has the name of its spawn site until its first poll shows that it is marked.
#[cfg(tokio_unstable)]
#[test]
fn no_counter_falls_when_a_marked_task_is_found() {
    use taskleak::Track;
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let runtime = taskleak::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let registry = registry(TaskCollector::new());
        let mut before = series(&scrape(&registry), "taskleak_tasks_started_total");
        for _ in 0..2 {
            for _ in 0..3 {
                drop(tokio::spawn(pending::<()>().tracked_as("marked")));
            }
            let unpolled = series(&scrape(&registry), "taskleak_tasks_started_total");
            tokio::task::yield_now().await;
            let polled = series(&scrape(&registry), "taskleak_tasks_started_total");
            for (earlier, later) in [(&before, &unpolled), (&unpolled, &polled)] {
                for (labels, count) in earlier {
                    assert!(later[labels] >= *count, "{labels}: {earlier:?} {later:?}");
                }
            }
            before = polled;
        }
        let marked = before[r#"{name="marked"}"#];
        assert_eq!(marked, 6.0, "{before:?}");
        let here = before
            .iter()
            .find(|(labels, _)| labels.contains("export_metrics.rs"));
        assert!(here.is_some_and(|(_, count)| *count == 3.0), "{before:?}");
    });
    drop(runtime);
    drop(turn);
}
