//! tokio-metrics' figures, by name.

use super::manager::Manager;
#[cfg(feature = "prometheus")]
use super::runtime_rows::{CountedRuntime, RuntimeRow, RuntimeRows};
use crate::registry::names;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio_metrics::{
    Instrumented, RuntimeIntervals, RuntimeMetrics, RuntimeMonitor, TaskMetrics, TaskMonitor,
};

/// The monitors that were asked for, by name.
#[derive(Default)]
pub(super) struct Monitors {
    tasks: Mutex<BTreeMap<Arc<str>, TaskMonitor>>,
    runtimes: Mutex<Runtimes>,
}

#[derive(Default)]
struct Runtimes {
    measured: BTreeMap<String, MeasuredRuntime>,
    #[cfg(feature = "prometheus")]
    rows: RuntimeRows,
}

struct MeasuredRuntime {
    intervals: RuntimeIntervals,
    #[cfg(feature = "prometheus")]
    counted: CountedRuntime,
}

impl Runtimes {
    fn begin(&mut self, name: String, runtime: MeasuredRuntime) -> Option<MeasuredRuntime> {
        let former = self.end(&name);
        #[cfg(feature = "prometheus")]
        self.rows.enter(&name);
        self.measured.insert(name, runtime);
        former
    }

    fn end(&mut self, name: &str) -> Option<MeasuredRuntime> {
        let former = self.measured.remove(name);
        #[cfg(feature = "prometheus")]
        if let Some(former) = &former {
            self.rows.leave(name, &former.counted);
        }
        former
    }
}

impl Monitors {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, TaskMonitor>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtimes(&self) -> MutexGuard<'_, Runtimes> {
        self.runtimes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Manager {
    /// Measures a future by tokio-metrics, together with all others of that name: how long it is
    /// polled, waits for its turn, is idle. Costs more than a hundred nanoseconds a poll.
    ///
    /// # Examples
    ///
    /// ```
    /// use taskleak::{manager, task::Builder};
    ///
    /// # async fn handle() {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let measured = manager().measured("handler", handle());
    /// Builder::new().name("handler").spawn(measured).await.unwrap();
    /// let (name, metrics) = &manager().task_metrics()[0];
    /// assert_eq!((name.as_str(), metrics.instrumented_count), ("handler", 1));
    /// # }
    /// ```
    pub fn measured<F>(&self, name: impl Into<String>, future: F) -> Instrumented<F> {
        self.task_monitor(name).instrument(future)
    }

    /// The tokio-metrics monitor of a name, made now if there was none. Of 65536 names each has its own;
    /// those that come later are measured together, as `(other names)`.
    ///
    /// # Examples
    ///
    /// ```
    /// let monitor = taskleak::manager().task_monitor("handler");
    /// println!("{:?}", monitor.cumulative().mean_poll_duration());
    /// ```
    pub fn task_monitor(&self, name: impl Into<String>) -> TaskMonitor {
        let name = name.into();
        let mut monitors = self.monitors.tasks();
        if let Some(monitor) = monitors.get(&*name) {
            return monitor.clone();
        }
        let has_room = monitors.len() < names::MOST;
        let name = if has_room { &*name } else { names::OTHER };
        monitors.entry(Arc::from(name)).or_default().clone()
    }

    /// What tokio-metrics measured so far, by name: of the futures that were
    /// [`measured`](Self::measured).
    ///
    /// # Examples
    ///
    /// ```
    /// for (name, metrics) in taskleak::manager().task_metrics() {
    ///     println!("{name}: {:?} scheduled", metrics.mean_scheduled_duration());
    /// }
    /// ```
    pub fn task_metrics(&self) -> Vec<(String, TaskMetrics)> {
        // Only references under the lock: whoever measures a task waits for it.
        let monitors: Vec<_> = {
            let monitors = self.monitors.tasks();
            let monitors = monitors.iter();
            monitors
                .map(|(name, monitor)| (name.clone(), monitor.clone()))
                .collect()
        };
        monitors
            .into_iter()
            .map(|(name, monitor)| (name.to_string(), monitor.cumulative()))
            .collect()
    }

    /// Measures a runtime by tokio-metrics from now on, under a name for it, until
    /// [`unmeasure_runtime`](Self::unmeasure_runtime): what tokio keeps of it is not freed before, also if
    /// it is shut down. Another one that had the name is no longer measured. With the feature `prometheus`, what tokio
    /// counts of it stands among the metrics.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// taskleak::manager().measure_runtime("main", &tokio::runtime::Handle::current());
    /// let (name, metrics) = &taskleak::manager().runtime_metrics()[0];
    /// assert_eq!((name.as_str(), metrics.workers_count), ("main", 1));
    /// # }
    /// ```
    pub fn measure_runtime(&self, name: impl Into<String>, handle: &Handle) {
        let runtime = MeasuredRuntime {
            intervals: RuntimeMonitor::new(handle).intervals(),
            #[cfg(feature = "prometheus")]
            counted: CountedRuntime::beginning(handle.metrics()),
        };
        // Foreign code: not under the lock.
        let name = name.into();
        let former = self.monitors.runtimes().begin(name, runtime);
        drop(former);
    }

    /// Measures the runtime of that name no longer, as before one is dropped that a service makes now and
    /// then. Says whether there was one. With the feature `prometheus`, what was counted of it stays.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = tokio::runtime::Runtime::new().unwrap();
    /// taskleak::manager().measure_runtime("import", runtime.handle());
    /// runtime.block_on(async { /* .. */ });
    /// assert!(taskleak::manager().unmeasure_runtime("import"));
    /// assert!(taskleak::manager().runtime_metrics().is_empty());
    /// ```
    pub fn unmeasure_runtime(&self, name: &str) -> bool {
        let former = self.monitors.runtimes().end(name);
        // It may hold the last of the runtime: not dropped under the lock.
        former.is_some()
    }

    /// What tokio-metrics measured of each runtime since the last call, by name.
    ///
    /// # Examples
    ///
    /// ```
    /// for (name, metrics) in taskleak::manager().runtime_metrics() {
    ///     println!("{name}: {} tasks queued", metrics.global_queue_depth);
    /// }
    /// ```
    pub fn runtime_metrics(&self) -> Vec<(String, RuntimeMetrics)> {
        let mut runtimes = self.monitors.runtimes();
        let metrics = runtimes
            .measured
            .iter_mut()
            .filter_map(|(name, runtime)| Some((name.clone(), runtime.intervals.next()?)));
        metrics.collect()
    }

    /// What tokio counts of the runtimes while they are measured, by name.
    #[cfg(feature = "prometheus")]
    pub(crate) fn runtime_rows(&self) -> Vec<RuntimeRow> {
        let runtimes = self.monitors.runtimes();
        let measured = runtimes.measured.iter();
        let measured = measured.map(|(name, runtime)| (name.as_str(), &runtime.counted));
        runtimes.rows.with(measured)
    }
}
