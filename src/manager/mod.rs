//! The registry of live tasks as a service sees it: snapshots, observers, counts by name, time boxes,
//! names that keep growing.
//!
//! ```
//! use taskleak::task::Builder;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let poller = Builder::new().name("poller").data("shard", 7).spawn(std::future::pending::<()>());
//! let snapshot = taskleak::manager().snapshot();
//! println!("{} tasks are alive", snapshot.total());
//! for task in snapshot.tasks() {
//!     println!("{} {:?} {}", task.name(), task.age(), task.location());
//! }
//! # poller.abort(); }
//! ```

mod batch;
mod config;
mod counts;
mod diff;
mod diff_text;
mod dispatcher;
mod growth;
mod interest;
#[cfg(feature = "serde")]
mod json;
mod mailbox;
#[allow(clippy::module_inception, reason = "the main type of this folder")]
mod manager;
#[cfg(feature = "metrics")]
mod metrics;
mod monitor;
mod observer;
mod orphans;
mod pause;
mod rise;
mod rises;
mod runtime_named;
#[cfg(all(feature = "metrics", feature = "prometheus"))]
mod runtime_rows;
mod same_name;
mod shutdown;
mod snapshot;
#[cfg(feature = "http")]
mod spread;
mod status;
mod suspect;
#[cfg(feature = "prometheus")]
mod suspect_tasks;
mod take;
mod task_record;
mod trace;
pub(crate) mod worker;

pub use crate::registry::Fingerprint;
pub use config::Config;
pub use counts::{Counts, NameCounts};
pub use diff::{NameDiff, SnapshotDiff};
pub use interest::Interest;
pub use manager::{Manager, manager};
pub use monitor::Monitor;
pub use observer::{Observer, ObserverHandle};
#[cfg(all(feature = "metrics", feature = "prometheus"))]
pub(crate) use runtime_rows::{RuntimeCounts, RuntimeRow};
pub use shutdown::Unfinished;
pub use snapshot::Snapshot;
pub use status::Status;
pub use suspect::Suspect;
pub use task_record::TaskRecord;
/// The version of the crate whose `TaskMonitor` and figures the [`Manager`] hands out: name its types by this path.
#[cfg(feature = "metrics")]
pub use tokio_metrics;
