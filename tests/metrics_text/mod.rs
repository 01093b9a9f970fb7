//! Reading metrics as text.

use crate::tools;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use taskleak::export::prometheus::TaskCollector;

pub fn registry(collector: TaskCollector) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    registry
}

pub fn scrape(registry: &Registry) -> String {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
    text
}

/// The series of a metric: labels and value.
pub fn series(text: &str, metric: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let labels = series.strip_prefix(metric)?;
            let is_this = labels.is_empty() || labels.starts_with('{');
            is_this.then(|| (labels.to_owned(), value.parse().unwrap()))
        })
        .collect()
}

pub fn sum(text: &str, metric: &str) -> f64 {
    series(text, metric).values().sum()
}

pub fn assert_prometheus_reads(text: &str) {
    if !tools::is_installed("promtool", "prometheus") {
        return;
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    // 1: not understood; 3: understood, with advice (it holds OpenMetrics for the older format).
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(1), "{errors}");
}
