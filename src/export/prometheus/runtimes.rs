//! What tokio counts, of the runtimes that are measured.

use crate::export::label::cut;
use crate::manager::{RuntimeCounts, RuntimeRow};
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;

/// Stands for all the others.
const OTHERS: &str = "(other runtimes)";

/// The runtimes' figures, by label.
pub(super) struct Runtimes {
    rows: BTreeMap<String, Row>,
    pub(super) folded: usize,
}

/// A name that no runtime is measured under has its counts, and nothing that is so now.
#[derive(Default)]
struct Row {
    measured: usize,
    workers: usize,
    alive: usize,
    queued: usize,
    counts: RuntimeCounts,
}

impl Row {
    fn add(&mut self, row: &RuntimeRow) {
        self.measured += row.measured;
        self.workers += row.workers;
        self.alive += row.alive;
        self.queued += row.queued;
        self.counts += row.counts;
    }
}

impl Runtimes {
    pub(super) fn new(measured: &[RuntimeRow]) -> Self {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut folded = 0;
        for row in measured {
            let label = match &row.name {
                // Two names may be one once they are cut.
                Some(name) => cut(name).into_owned(),
                None => {
                    folded = row.measured;
                    OTHERS.to_owned()
                }
            };
            rows.entry(label).or_default().add(row);
        }
        Self { rows, folded }
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
            for (name, row) in self.rows.iter().filter(|(_, row)| row.measured > 0) {
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
                .encode_counter::<NoLabelSet, _, u64>(&row.counts.busy.as_secs_f64(), None)?;
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
                .encode_counter::<NoLabelSet, _, u64>(&row.counts.parks, None)?;
        }
        Ok(())
    }
}
