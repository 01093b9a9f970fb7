//! What tokio counts, of the runtimes that are measured.
//!
//! tokio's own counters are read, which start with the runtime and are not reset by who reads them:
//! any number of Prometheuses may scrape, beside [`runtime_metrics`](crate::manager::Manager::runtime_metrics).

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::time::Duration;
use tokio::runtime::RuntimeMetrics;

/// So many runtimes have series of their own: those that were measured first.
const MOST: usize = 100;
/// Stands for all the others.
const OTHERS: &str = "(other runtimes)";

/// The runtimes' figures, by label.
pub(super) struct Runtimes {
    rows: Vec<(String, Row)>,
    pub(super) folded: usize,
}

#[derive(Default)]
struct Row {
    workers: usize,
    alive: usize,
    queued: usize,
    busy: Duration,
    parks: u64,
}

impl Row {
    fn add(&mut self, metrics: &RuntimeMetrics) {
        self.workers += metrics.num_workers();
        self.alive += metrics.num_alive_tasks();
        self.queued += metrics.global_queue_depth();
        // Elsewhere tokio does not count them.
        #[cfg(target_has_atomic = "64")]
        for worker in 0..metrics.num_workers() {
            self.busy += metrics.worker_total_busy_duration(worker);
            self.parks += metrics.worker_park_count(worker);
        }
    }
}

impl Runtimes {
    pub(super) fn new(measured: &[(String, RuntimeMetrics)]) -> Self {
        let (own, others) = measured.split_at(measured.len().min(MOST));
        let mut rows: Vec<_> = own
            .iter()
            .map(|(name, metrics)| {
                let mut row = Row::default();
                row.add(metrics);
                (super::shown::cut(name).into_owned(), row)
            })
            .collect();
        if !others.is_empty() {
            let mut row = Row::default();
            others.iter().for_each(|(_, metrics)| row.add(metrics));
            rows.push((OTHERS.to_owned(), row));
        }
        // Two names may be one once they are cut.
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        rows.dedup_by(|(name, row), (kept, sum)| {
            let is_same = name == kept;
            if is_same {
                sum.workers += row.workers;
                sum.alive += row.alive;
                sum.queued += row.queued;
                sum.busy += row.busy;
                sum.parks += row.parks;
            }
            is_same
        });
        Self {
            rows,
            folded: others.len(),
        }
    }

    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        type Level = fn(&Row) -> usize;
        let levels: [(&str, &str, Level); 3] = [
            ("taskleak_runtime_workers", "Worker threads", |row| {
                row.workers
            }),
            (
                "taskleak_runtime_alive_tasks",
                "Tasks that the runtime counts as alive, whoever spawned them",
                |row| row.alive,
            ),
            (
                "taskleak_runtime_global_queue_depth",
                "Tasks that wait in the runtime's global queue for a worker",
                |row| row.queued,
            ),
        ];
        for (metric, help, level) in levels {
            let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Gauge)?;
            for (name, row) in &self.rows {
                family
                    .encode_family(&[("runtime", &**name)])?
                    .encode_gauge(&level(row))?;
            }
        }
        if cfg!(target_has_atomic = "64") {
            self.encode_totals(encoder)?;
        }
        Ok(())
    }

    fn encode_totals(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut busy = encoder.encode_descriptor(
            "taskleak_runtime_busy_time",
            "Time that the workers were not parked, all together",
            Some(&Unit::Seconds),
            MetricType::Counter,
        )?;
        for (name, row) in &self.rows {
            busy.encode_family(&[("runtime", &**name)])?
                .encode_counter::<NoLabelSet, _, u64>(&row.busy.as_secs_f64(), None)?;
        }
        let mut parks = encoder.encode_descriptor(
            "taskleak_runtime_parks",
            "How often a worker went to sleep for want of work",
            None,
            MetricType::Counter,
        )?;
        for (name, row) in &self.rows {
            parks
                .encode_family(&[("runtime", &**name)])?
                .encode_counter::<NoLabelSet, _, u64>(&row.parks, None)?;
        }
        Ok(())
    }
}
