//! What tokio counts of the runtimes that are measured, as counters that never fall.
//!
//! tokio's own counters are read, which are not reset by who reads them. They end with their runtime,
//! and another one may be measured under its name: so what was counted of each until then is kept.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::time::Duration;
use tokio::runtime::RuntimeMetrics;

/// So many names have rows of their own: those that were measured first.
const MOST: usize = 100;

/// What only ever rises.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RuntimeCounts {
    pub(crate) busy: Duration,
    pub(crate) parks: u64,
}

impl RuntimeCounts {
    #[cfg_attr(not(target_has_atomic = "64"), allow(unused))]
    fn of(metrics: &RuntimeMetrics) -> Self {
        let mut counts = Self::default();
        // Elsewhere tokio does not count them.
        #[cfg(target_has_atomic = "64")]
        for worker in 0..metrics.num_workers() {
            counts.busy += metrics.worker_total_busy_duration(worker);
            counts.parks += metrics.worker_park_count(worker);
        }
        counts
    }
}

impl AddAssign for RuntimeCounts {
    fn add_assign(&mut self, other: Self) {
        self.busy += other.busy;
        self.parks += other.parks;
    }
}

/// A runtime that is measured.
pub(super) struct CountedRuntime {
    metrics: RuntimeMetrics,
    /// What it had counted before: it may have been measured then, too.
    before: RuntimeCounts,
}

impl CountedRuntime {
    pub(super) fn beginning(metrics: RuntimeMetrics) -> Self {
        Self {
            before: RuntimeCounts::of(&metrics),
            metrics,
        }
    }

    fn counts(&self) -> RuntimeCounts {
        let now = RuntimeCounts::of(&self.metrics);
        RuntimeCounts {
            busy: now.busy.saturating_sub(self.before.busy),
            parks: now.parks.saturating_sub(self.before.parks),
        }
    }
}

/// The runtimes that are or were measured under one name, or under all those that have no row of
/// their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuntimeRow {
    /// None for the others.
    pub(crate) name: Option<String>,
    /// How many are measured now.
    pub(crate) measured: usize,
    pub(crate) workers: usize,
    pub(crate) alive: usize,
    pub(crate) queued: usize,
    pub(crate) counts: RuntimeCounts,
}

impl RuntimeRow {
    fn add(&mut self, runtime: &CountedRuntime) {
        self.measured += 1;
        self.workers += runtime.metrics.num_workers();
        self.alive += runtime.metrics.num_alive_tasks();
        self.queued += runtime.metrics.global_queue_depth();
        self.counts += runtime.counts();
    }
}

/// What was counted of runtimes that are measured no longer, by name. A name has its row for good, and
/// so has none that was one too many.
#[derive(Default)]
pub(super) struct RuntimeRows {
    names: Vec<String>,
    counted: Vec<RuntimeCounts>,
    others: Option<RuntimeCounts>,
}

impl RuntimeRows {
    /// A runtime is measured under this name.
    pub(super) fn enter(&mut self, name: &str) {
        if self.place(name).is_some() {
            return;
        }
        if self.names.len() < MOST {
            self.names.push(name.to_owned());
            self.counted.push(RuntimeCounts::default());
        } else {
            self.others.get_or_insert_default();
        }
    }

    /// It is no longer.
    pub(super) fn leave(&mut self, name: &str, runtime: &CountedRuntime) {
        let counted = match self.place(name) {
            Some(place) => &mut self.counted[place],
            None => self.others.get_or_insert_default(),
        };
        *counted += runtime.counts();
    }

    /// All rows, those that came first first, the others last; of the runtimes that are measured now.
    pub(super) fn with<'a>(
        &self,
        measured: impl Iterator<Item = (&'a str, &'a CountedRuntime)>,
    ) -> Vec<RuntimeRow> {
        let row = |(name, counts): (&String, &RuntimeCounts)| RuntimeRow {
            name: Some(name.clone()),
            counts: *counts,
            ..RuntimeRow::default()
        };
        let mut rows: Vec<_> = self.names.iter().zip(&self.counted).map(row).collect();
        let mut others = RuntimeRow {
            counts: self.others.unwrap_or_default(),
            ..RuntimeRow::default()
        };
        let names = self.names.iter().enumerate();
        let places: BTreeMap<_, _> = names.map(|(place, name)| (name.as_str(), place)).collect();
        for (name, runtime) in measured {
            match places.get(name) {
                Some(&place) => rows[place].add(runtime),
                None => others.add(runtime),
            }
        }
        rows.extend(self.others.map(|_| others));
        rows
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|one| one == name)
    }
}
