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
    polls: u64,
    slow_polls: u64,
    polled: Duration,
    scheduled: Duration,
    idle: Duration,
}

impl<'a> Measured<'a> {
    pub(super) fn new(metrics: &'a [(String, TaskMetrics)], shown: &HashSet<String>) -> Self {
        let mut sums: BTreeMap<_, Sums> = BTreeMap::new();
        for (name, metrics) in metrics {
            let sums = sums.entry(label_of(name, shown)).or_default();
            sums.polls += metrics.total_poll_count;
            sums.slow_polls += metrics.total_slow_poll_count;
            sums.polled += metrics.total_poll_duration;
            sums.scheduled += metrics.total_scheduled_duration;
            sums.idle += metrics.total_idle_duration;
        }
        Self(sums)
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Count = fn(&Sums) -> u64;
        let counts: [(&str, &str, Count); 2] = [
            ("taskleak_polls", "Polls of measured tasks", |sums| {
                sums.polls
            }),
            (
                "taskleak_slow_polls",
                "Polls of measured tasks that took longer than tokio-metrics' threshold",
                |sums| sums.slow_polls,
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
        let times: [(&str, &str, Time); 3] = [
            (
                "taskleak_poll_time",
                "Time that measured tasks were polled",
                |sums| sums.polled,
            ),
            (
                "taskleak_scheduled_time",
                "Time that measured tasks were woken and waited for their turn",
                |sums| sums.scheduled,
            ),
            (
                "taskleak_idle_time",
                "Time that measured tasks waited to be woken",
                |sums| sums.idle,
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
