//! The collector.

use super::by_data::by_data;
use super::by_name::ByName;
use super::families::Families;
use super::held::Held;
use super::label_sets::LabelSets;
use super::shown::{Candidate, Shown};
use crate::export::label;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;

/// Metrics of live tasks, worked out at each scrape from a snapshot; see the [module](super) for
/// which.
///
/// # Blocks
/// Whoever writes the registry as text [reads all live tasks](super#blocks) on the thread that does it. Async code has
/// that done by [`spawn_blocking`](tokio::task::spawn_blocking).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use prometheus_client::registry::Registry;
/// use taskleak::export::prometheus::TaskCollector;
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(TaskCollector::new()));
/// let written = tokio::task::spawn_blocking(move || {
///     let mut text = String::new();
///     prometheus_client::encoding::text::encode(&mut text, &registry).map(|()| text)
/// });
/// assert!(written.await.unwrap().unwrap().ends_with("# EOF\n"));
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a collector does nothing until it is registered"]
pub struct TaskCollector {
    /// Of tasks' data.
    keys: Vec<String>,
    labels: Vec<String>,
    most: usize,
    shown: Shown,
    #[cfg(feature = "metrics")]
    measured: Shown,
    label_sets: LabelSets,
    started: Held,
}

impl TaskCollector {
    /// A collector that counts tasks by name only, and shows at most 1000 names.
    ///
    /// # Examples
    ///
    /// ```
    /// let collector = taskleak::export::prometheus::TaskCollector::new();
    /// ```
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            labels: Vec::new(),
            most: 1000,
            shown: Shown::default(),
            #[cfg(feature = "metrics")]
            measured: Shown::default(),
            label_sets: LabelSets::default(),
            started: Held::default(),
        }
    }

    /// Counts live tasks also by this key of their [data](crate::task::Builder::data). The label has
    /// the key's name, with underscores for what Prometheus does not allow, and `data_` before it if
    /// it is taken. Choose keys of few values, a tenant and not a request: the first label sets that are seen have
    /// series for good.
    ///
    /// # Examples
    ///
    /// ```
    /// let collector = taskleak::export::prometheus::TaskCollector::new().label("tenant");
    /// ```
    pub fn label(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        let label = label::name_of(&key, &["name"]).into_owned();
        if !self.labels.contains(&label) {
            self.labels.push(label);
            self.keys.push(key);
        }
        self
    }

    /// How many names are shown at most, for as long as this collector lives, and how many label sets of chosen data; of names
    /// made at run time half as many. Those that are one too many are counted together, and `taskleak_folded_series`
    /// says how many they are. Default: 1000. See [how many series](super#how-many-series) that makes.
    ///
    /// # Examples
    ///
    /// ```
    /// let collector = taskleak::export::prometheus::TaskCollector::new().most_names(100);
    /// ```
    pub fn most_names(mut self, names: usize) -> Self {
        self.most = names;
        self
    }
}

impl Default for TaskCollector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector for TaskCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let snapshot = crate::manager().snapshot();
        let names = snapshot.names().iter().filter_map(Candidate::of);
        let shown = self.shown.admit(names, self.most);
        let by_name = ByName::new(&snapshot, &shown, &self.started);
        let by_data = by_data(
            &snapshot,
            &by_name,
            &shown,
            &self.keys,
            &self.label_sets,
            self.most,
        );
        let families = Families::new(&snapshot, &shown, by_name, by_data);
        #[cfg(not(feature = "metrics"))]
        families.encode(&self.labels, &mut encoder)?;
        #[cfg(feature = "metrics")]
        {
            let runtimes = super::runtimes::Runtimes::new(&crate::manager().runtime_rows());
            families
                .with_folded_runtimes(runtimes.folded)
                .encode(&self.labels, &mut encoder)?;
            let measured = crate::manager().task_metrics();
            let names = measured.iter().map(|(name, _)| Candidate::chosen(name));
            let shown = self.measured.admit(names, self.most);
            super::measured::Measured::new(&measured, &shown).encode(&mut encoder)?;
            runtimes.encode(&mut encoder)?;
        }
        Ok(())
    }
}
