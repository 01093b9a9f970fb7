//! Metrics of live tasks for [Prometheus](https://prometheus.io), in OpenMetrics text.
//!
//! [`TaskCollector`] is registered with a [`Registry`](prometheus_client::registry::Registry) and
//! reads a [`Snapshot`](crate::manager::Snapshot) at each scrape; [`text`] is that in one call.
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `taskleak_live_tasks` | `name`, chosen data | tasks that are alive |
//! | `taskleak_oldest_task_age_seconds` | `name` | age of the oldest of them; 0 if there are none |
//! | `taskleak_orphan_tasks` | `name` | [tasks that are never polled again](crate::manager::Snapshot::orphans) |
//! | `taskleak_tasks_started_total` | `name` | tasks that were spawned |
//! | `taskleak_tasks_ended_total` | `name`, `outcome` | tasks that `finished`, `panicked`, were `aborted` or `shut_down` |
//! | `taskleak_tasks_over_time_total` | `name` | tasks whose time box was over |
//! | `taskleak_suspects` | | names that keep growing, as the [monitor](crate::manager::Monitor) found |
//! | `taskleak_suspect_tasks` | `fingerprint`, `name`, `location` | live tasks of each of them, without [background tasks](crate::task::Builder::background); of a task whose name is one and whose spawn site is, too, for the name only. A hundred have series of their own, the rest one together |
//! | `taskleak_monitor_running` | | 1 if the monitor runs, which finds suspects; else 0 |
//! | `taskleak_tracking` | | 1 if tasks that are spawned now [are tracked](crate::manager::Manager::is_enabled); else 0 |
//! | `taskleak_last_snapshot_age_seconds` | | time since the monitor took its last snapshot, or was started; only while it runs |
//! | `taskleak_snapshot_interval_seconds` | | time between two of them, as it is set up; only while it runs |
//! | `taskleak_folded_series` | `metric` | names and label sets that were one too many, and are counted under `(other names)` and `(other)`; of label sets, the most at one scrape |
//! | `taskleak_missed_events_total` | | events that observers were not told of |
//!
//! With the feature `metrics`, of the names that are
//! [measured](crate::manager::Manager::task_monitor) by tokio-metrics, by `name`. The mean is what one divided by the
//! other rises by: `rate(taskleak_poll_time_seconds_total[5m]) / rate(taskleak_polls_total[5m])`.
//!
//! | how often | how long |
//! |---|---|
//! | `taskleak_measured_tasks_total`, `taskleak_measured_tasks_ended_total` | |
//! | `taskleak_first_polls_total` | `taskleak_first_poll_delay_seconds_total` |
//! | `taskleak_polls_total` | `taskleak_poll_time_seconds_total` |
//! | `taskleak_slow_polls_total` | `taskleak_slow_poll_time_seconds_total` |
//! | `taskleak_scheduled_total` | `taskleak_scheduled_time_seconds_total` |
//! | `taskleak_long_delays_total` | `taskleak_long_delay_time_seconds_total` |
//! | `taskleak_idled_total` | `taskleak_idle_time_seconds_total` |
//!
//! And of the runtimes that are [measured](crate::manager::Manager::measure_runtime), what tokio counts while they
//! are, by `runtime`. The first hundred names have series of their own for good, the others one together; what was
//! counted of a runtime stays when it is measured no longer.
//!
//! | metric | meaning |
//! |---|---|
//! | `taskleak_runtime_workers` | worker threads |
//! | `taskleak_runtime_alive_tasks` | tasks that the runtime counts as alive, whoever spawned them |
//! | `taskleak_runtime_global_queue_depth` | tasks that wait in its global queue for a worker |
//! | `taskleak_runtime_busy_time_seconds_total` | time that its workers were not parked, all together (where there are 64-bit atomics) |
//! | `taskleak_runtime_parks_total` | how often a worker went to sleep for want of work (the same) |
//!
//! Labels hold names and data as they were given, whatever is in them, with two exceptions: what is longer
//! than 200 characters is cut there and ends in `…` (those that differ only behind that are counted together), and
//! an empty label is to Prometheus the same as none.
//!
//! The sum over all series of a metric is right also when names were folded. One may be too high where a runtime's hooks
//! (`--cfg tokio_unstable`) tell of tasks: `taskleak_tasks_started_total`, by each [`tracked`](crate::Track) future that
//! was scraped between its spawn and its first poll. It was counted by its spawn site then, counts under its own name from
//! that poll on, and no counter falls.
//!
//! # Blocks
//!
//! A scrape reads all live tasks on the thread that asks for it: about 4 ms for 10 000 of them of 1000 names, 20 to 50 ms for
//! 100 000 (release, quiet machine; several times that where all cores are wanted). No task waits for it, but those of a
//! runtime whose thread it takes do: async code has it done by [`spawn_blocking`](tokio::task::spawn_blocking). The
//! pages of the feature `http` are worked out on threads of their own.
//!
//! # How many series
//!
//! Prometheus keeps every series that it has seen, so they are bounded for as long as the process runs, and not at
//! each scrape only. A name or label set that was shown once stays, with what it counted, and one that was one too
//! many is counted among the others for good. Names in the code may take all the room, those made at run
//! time half of it.
//!
//! At the defaults a target has at most 9 × 1001 series of names, 101 of suspects at a time, and 10 more: 9120. With
//! [labels](TaskCollector::label) 2001 more: besides 1000 label sets, each name has one series for its tasks
//! without data and one for those of all other label sets. With the feature `metrics`, 14 × 1001 more if so many names are measured, and
//! 5 × 101 of runtimes. [`TaskCollector::most_names`] sets what is 1000 here.
//!
//! ```
//! use prometheus_client::registry::Registry;
//! use taskleak::export::prometheus::TaskCollector;
//!
//! let mut registry = Registry::default();
//! registry.register_collector(Box::new(TaskCollector::new().label("tenant")));
//! let mut metrics = String::new();
//! prometheus_client::encoding::text::encode(&mut metrics, &registry).unwrap();
//! assert!(metrics.contains("# TYPE taskleak_live_tasks gauge"));
//! ```

mod by_data;
mod by_name;
mod collector;
mod families;
mod held;
mod label_sets;
#[cfg(feature = "metrics")]
mod measured;
#[cfg(feature = "metrics")]
mod runtimes;
mod shown;
mod text;

pub use collector::TaskCollector;
/// The version of the crate that [`TaskCollector`] is a collector of: a service whose own is another one finds its
/// `Registry` here.
pub use prometheus_client;
#[cfg(feature = "http")]
pub(crate) use text::text_of;
pub use text::{CONTENT_TYPE, text};
