//! The metrics, one after the other.

use super::by_name::{ByName, Row, label_of};
use super::label_sets::Folded;
use super::shown::{OTHER, OTHER_NAMES};
use crate::export::label::cut;
use crate::manager::{Counts, Snapshot};
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Of suspects, so many have a series of their own.
const MOST_SUSPECTS: usize = 100;

pub(super) struct Families<'a> {
    snapshot: &'a Snapshot,
    shown: &'a HashSet<String>,
    by_name: ByName<'a>,
    by_data: Folded<'a>,
    folded_runtimes: usize,
}

impl<'a> Families<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        shown: &'a HashSet<String>,
        by_name: ByName<'a>,
        by_data: Folded<'a>,
    ) -> Self {
        Self {
            snapshot,
            shown,
            by_name,
            by_data,
            folded_runtimes: 0,
        }
    }

    #[cfg(feature = "metrics")]
    pub(super) fn with_folded_runtimes(mut self, count: usize) -> Self {
        self.folded_runtimes = count;
        self
    }

    pub(super) fn encode(
        &self,
        data_labels: &[String],
        encoder: &mut DescriptorEncoder<'_>,
    ) -> fmt::Result {
        self.live(data_labels, encoder)?;
        let mut oldest = encoder.encode_descriptor(
            "taskleak_oldest_task_age",
            "Age of the oldest live task; 0 if there are none",
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for (name, row) in &self.by_name.rows {
            oldest
                .encode_family(&[("name", &**name)])?
                .encode_gauge(&row.oldest.as_secs_f64())?;
        }
        self.orphans(encoder)?;
        self.counts(encoder)?;
        self.suspects(encoder)?;
        let is_running = crate::manager().monitor().is_running();
        gauge(
            encoder,
            "taskleak_monitor_running",
            "1 if the monitor runs, which finds suspects; else 0",
            &u64::from(is_running),
        )?;
        let is_tracking = crate::manager().is_enabled();
        gauge(
            encoder,
            "taskleak_tracking",
            "1 if tasks that are spawned now are tracked; 0 if that is switched off",
            &u64::from(is_tracking),
        )?;
        self.watch_ages(encoder)?;
        self.folded(encoder)?;
        encoder
            .encode_descriptor(
                "taskleak_missed_events",
                "Events that observers were not told of, because a queue was full",
                None,
                MetricType::Counter,
            )?
            .encode_counter::<NoLabelSet, _, u64>(&self.snapshot.missed_events(), None)
    }

    fn live(&self, data_labels: &[String], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut live = encoder.encode_descriptor(
            "taskleak_live_tasks",
            "Tasks that are alive",
            None,
            MetricType::Gauge,
        )?;
        let keys = || {
            ["name"]
                .into_iter()
                .chain(data_labels.iter().map(String::as_str))
        };
        for (values, count) in &self.by_data.live {
            let labels: Vec<_> = keys().zip(values.iter().map(|value| &**value)).collect();
            live.encode_family(&labels)?.encode_gauge(count)?;
        }
        Ok(())
    }

    fn orphans(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for task in self.snapshot.orphans() {
            let label = label_of(task.name(), self.shown);
            // Every label has a row, since every live task's name has.
            if let Some((name, _)) = self.by_name.rows.get_key_value(&label) {
                *counts.entry(name).or_default() += 1;
            }
        }
        let mut orphans = encoder.encode_descriptor(
            "taskleak_orphan_tasks",
            "Tasks that are alive and never polled again: nobody has a waker of them",
            None,
            MetricType::Gauge,
        )?;
        for name in self.by_name.rows.keys() {
            orphans
                .encode_family(&[("name", &**name)])?
                .encode_gauge(counts.get(&**name).unwrap_or(&0))?;
        }
        Ok(())
    }

    fn counts(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.counter(
            encoder,
            "taskleak_tasks_started",
            "Tasks that were spawned",
            |counts| counts.started,
        )?;
        let mut ended = encoder.encode_descriptor(
            "taskleak_tasks_ended",
            "Tasks that ended, by how they did",
            None,
            MetricType::Counter,
        )?;
        for (name, Row { counts, .. }) in &self.by_name.rows {
            for (outcome, count) in [
                ("finished", counts.finished),
                ("panicked", counts.panicked),
                ("aborted", counts.aborted),
                ("shut_down", counts.shut_down),
            ] {
                ended
                    .encode_family(&[("name", &**name), ("outcome", outcome)])?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        self.counter(
            encoder,
            "taskleak_tasks_over_time",
            "Tasks that were alive for longer than their time box",
            |counts| counts.over_time,
        )
    }

    fn counter(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: &str,
        help: &str,
        count: impl Fn(&Counts) -> u64,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Counter)?;
        for (name, row) in &self.by_name.rows {
            family
                .encode_family(&[("name", &**name)])?
                .encode_counter::<NoLabelSet, _, u64>(&count(&row.counts), None)?;
        }
        Ok(())
    }

    fn suspects(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let suspects = self.snapshot.suspects();
        gauge(
            encoder,
            "taskleak_suspects",
            "Names whose tasks keep growing in number while the older ones don't end",
            &suspects.len(),
        )?;
        let mut live: BTreeMap<_, usize> = BTreeMap::new();
        let tasks = self.snapshot.live_of_suspects();
        for (place, (suspect, tasks)) in suspects.iter().zip(tasks).enumerate() {
            // Those of most tasks come first.
            let key = if place < MOST_SUSPECTS {
                // That of a spawn site is in the code, and there may be no task that it alone is the name of.
                let name = if suspect.names_differ() {
                    cut(suspect.name())
                } else {
                    label_of(suspect.name(), self.shown)
                };
                let fingerprint = suspect.fingerprint().to_string();
                (fingerprint, name, suspect.location().to_string())
            } else {
                (OTHER.to_owned(), OTHER_NAMES.into(), OTHER.to_owned())
            };
            // Two names may be one once they are cut, or are among the others.
            *live.entry(key).or_default() += tasks;
        }
        let mut family = encoder.encode_descriptor(
            "taskleak_suspect_tasks",
            "Live tasks of the names that keep growing",
            None,
            MetricType::Gauge,
        )?;
        for ((fingerprint, name, location), count) in live {
            family
                .encode_family(&[
                    ("fingerprint", fingerprint),
                    ("name", name.into_owned()),
                    ("location", location),
                ])?
                .encode_gauge(&count)?;
        }
        Ok(())
    }

    fn watch_ages(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let monitor = crate::manager().monitor();
        let age = monitor.since_last();
        for (metric, help, time) in [
            (
                "taskleak_last_snapshot_age",
                "Time since the monitor took its last snapshot, or was started; while it runs",
                age,
            ),
            (
                "taskleak_snapshot_interval",
                "Time between two snapshots of the monitor; while it runs",
                age.map(|_| monitor.interval()),
            ),
        ] {
            let unit = Some(&Unit::Seconds);
            let mut family = encoder.encode_descriptor(metric, help, unit, MetricType::Gauge)?;
            if let Some(time) = time {
                family.encode_gauge(&time.as_secs_f64())?;
            }
        }
        Ok(())
    }

    fn folded(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut folded = encoder.encode_descriptor(
            "taskleak_folded_series",
            "Names and label sets that were one too many and are counted together as others",
            None,
            MetricType::Gauge,
        )?;
        let suspects = self.snapshot.suspects().len().saturating_sub(MOST_SUSPECTS);
        for (metric, count) in [
            ("taskleak_live_tasks", self.by_data.folded),
            ("taskleak_suspect_tasks", suspects),
            ("names", self.by_name.folded),
            ("runtimes", self.folded_runtimes),
        ] {
            folded
                .encode_family(&[("metric", metric)])?
                .encode_gauge(&count)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    metric: &str,
    help: &str,
    value: &impl EncodeGaugeValue,
) -> fmt::Result {
    encoder
        .encode_descriptor(metric, help, None, MetricType::Gauge)?
        .encode_gauge(value)
}
