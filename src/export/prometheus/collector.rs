//! The collector.

use super::families::Families;
use super::shown::{Shown, label_of};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use std::fmt;

/// Metrics of live tasks, worked out at each scrape from a snapshot; see the [module](super) for
/// which.
///
/// # Examples
///
/// ```
/// use prometheus_client::registry::Registry;
/// use taskleak::export::prometheus::TaskCollector;
///
/// let mut registry = Registry::default();
/// registry.register_collector(Box::new(TaskCollector::new()));
/// ```
#[derive(Debug)]
#[must_use = "a collector does nothing until it is registered"]
pub struct TaskCollector {
    /// Of tasks' data.
    keys: Vec<String>,
    labels: Vec<String>,
    most: usize,
    shown: Shown,
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
        }
    }

    /// Counts live tasks also by this key of their [data](crate::task::Builder::data). The label has
    /// the key's name, with underscores for what Prometheus does not allow, and `data_` before it if
    /// it is taken. Choose keys of few values: a tenant, not a request.
    ///
    /// # Examples
    ///
    /// ```
    /// let collector = taskleak::export::prometheus::TaskCollector::new().label("tenant");
    /// ```
    pub fn label(mut self, key: impl Into<String>) -> Self {
        let key = key.into();
        let label = label_of(&key);
        if !self.labels.contains(&label) {
            self.labels.push(label);
            self.keys.push(key);
        }
        self
    }

    /// How many names are shown at most, and how many label sets of chosen data. Those that are one too many are counted
    /// together, and `taskleak_folded_series` says how many they are. Default: 1000.
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
        #[cfg(feature = "metrics")]
        let measured = crate::manager().task_metrics();
        #[cfg(feature = "metrics")]
        let further = measured.iter().map(|(name, _)| name.as_str());
        #[cfg(not(feature = "metrics"))]
        let further = std::iter::empty();
        let shown = self.shown.admit(&snapshot, further, self.most);
        #[cfg(feature = "metrics")]
        let runtimes = super::runtimes::Runtimes::new(&crate::manager().runtime_totals());
        #[cfg(feature = "metrics")]
        let folded = runtimes.folded;
        #[cfg(not(feature = "metrics"))]
        let folded = 0;
        Families::new(&snapshot, &shown, &self.keys, self.most)
            .with_folded_runtimes(folded)
            .encode(&self.labels, &mut encoder)?;
        #[cfg(feature = "metrics")]
        {
            super::measured::Measured::new(&measured, &shown).encode(&mut encoder)?;
            runtimes.encode(&mut encoder)?;
        }
        Ok(())
    }
}
