//! tokio-metrics' figures, of the names that are measured.

use super::by_name::label_of;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;
use tokio_metrics::TaskMetrics;

/// The figures since the process began, by label.
pub(super) struct Measured<'a>(BTreeMap<std::borrow::Cow<'a, str>, Sums>);

#[derive(Default)]
struct Sums {
    tasks: u64,
    ended: u64,
    first_polls: u64,
    polls: u64,
    slow_polls: u64,
    scheduled: u64,
    long_delays: u64,
    idled: u64,
    first_poll_delay: Duration,
    poll_time: Duration,
    slow_poll_time: Duration,
    scheduled_time: Duration,
    long_delay_time: Duration,
    idle_time: Duration,
}

impl<'a> Measured<'a> {
    pub(super) fn new(metrics: &'a [(String, TaskMetrics)], shown: &HashSet<String>) -> Self {
        let mut sums: BTreeMap<_, Sums> = BTreeMap::new();
        for (name, metrics) in metrics {
            let sums = sums.entry(label_of(name, shown)).or_default();
            sums.tasks += metrics.instrumented_count;
            sums.ended += metrics.dropped_count;
            sums.first_polls += metrics.first_poll_count;
            sums.polls += metrics.total_poll_count;
            sums.slow_polls += metrics.total_slow_poll_count;
            sums.scheduled += metrics.total_scheduled_count;
            sums.long_delays += metrics.total_long_delay_count;
            sums.idled += metrics.total_idled_count;
            sums.first_poll_delay += metrics.total_first_poll_delay;
            sums.poll_time += metrics.total_poll_duration;
            sums.slow_poll_time += metrics.total_slow_poll_duration;
            sums.scheduled_time += metrics.total_scheduled_duration;
            sums.long_delay_time += metrics.total_long_delay_duration;
            sums.idle_time += metrics.total_idle_duration;
        }
        Self(sums)
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Count = fn(&Sums) -> u64;
        let counts: [(&str, &str, Count); 8] = [
            (
                "taskleak_measured_tasks",
                "Tasks that were measured",
                |sums| sums.tasks,
            ),
            (
                "taskleak_measured_tasks_ended",
                "Measured tasks that ended, or were dropped",
                |sums| sums.ended,
            ),
            (
                "taskleak_first_polls",
                "Measured tasks that were polled for the first time",
                |sums| sums.first_polls,
            ),
            ("taskleak_polls", "Polls of measured tasks", |sums| {
                sums.polls
            }),
            (
                "taskleak_slow_polls",
                "Polls of measured tasks that took longer than tokio-metrics' threshold",
                |sums| sums.slow_polls,
            ),
            (
                "taskleak_scheduled",
                "How often measured tasks were woken and waited for their turn",
                |sums| sums.scheduled,
            ),
            (
                "taskleak_long_delays",
                "How often they waited for it for longer than tokio-metrics' threshold",
                |sums| sums.long_delays,
            ),
            (
                "taskleak_idled",
                "How often measured tasks waited to be woken",
                |sums| sums.idled,
            ),
        ];
        for (metric, help, count) in counts {
            let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Counter)?;
            for (name, sums) in &self.0 {
                family
                    .encode_family(&[("name", &**name)])?
                    .encode_counter::<NoLabelSet, _, u64>(&count(sums), None)?;
            }
        }
        type Time = fn(&Sums) -> Duration;
        let times: [(&str, &str, Time); 6] = [
            (
                "taskleak_first_poll_delay",
                "Time that measured tasks waited for their first poll",
                |sums| sums.first_poll_delay,
            ),
            (
                "taskleak_poll_time",
                "Time that measured tasks were polled",
                |sums| sums.poll_time,
            ),
            (
                "taskleak_slow_poll_time",
                "Time that they were polled in polls that took longer than tokio-metrics' threshold",
                |sums| sums.slow_poll_time,
            ),
            (
                "taskleak_scheduled_time",
                "Time that measured tasks were woken and waited for their turn",
                |sums| sums.scheduled_time,
            ),
            (
                "taskleak_long_delay_time",
                "Time that they waited for their turn where that took longer than tokio-metrics' threshold",
                |sums| sums.long_delay_time,
            ),
            (
                "taskleak_idle_time",
                "Time that measured tasks waited to be woken",
                |sums| sums.idle_time,
            ),
        ];
        for (metric, help, time) in times {
            let unit = Some(&Unit::Seconds);
            let mut family = encoder.encode_descriptor(metric, help, unit, MetricType::Counter)?;
            for (name, sums) in &self.0 {
                family
                    .encode_family(&[("name", &**name)])?
                    .encode_counter::<NoLabelSet, _, u64>(&time(sums).as_secs_f64(), None)?;
            }
        }
        Ok(())
    }
}
