//! The metrics in one call.

use super::TaskCollector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use std::sync::OnceLock;

/// The content type that an HTTP answer with [`text`] needs.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of [`TaskCollector::new`], as a complete OpenMetrics text.
///
/// # Blocks
/// It [reads all live tasks](super#blocks) on the thread that calls. Async code has it called by
/// [`spawn_blocking`](tokio::task::spawn_blocking).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use taskleak::export::prometheus;
///
/// let task = taskleak::task::Builder::new().name("poller").spawn(std::future::pending::<()>());
/// let metrics = tokio::task::spawn_blocking(prometheus::text).await.unwrap();
/// assert!(metrics.contains("taskleak_live_tasks{name=\"poller\"} 1\n"));
/// assert!(metrics.ends_with("# EOF\n"));
/// # task.abort(); }
/// ```
pub fn text() -> String {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(TaskCollector::new()));
        registry
    });
    text_of(registry)
}

/// All that is registered, as a complete OpenMetrics text.
pub(crate) fn text_of(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("writing to a string does not fail");
    text
}
