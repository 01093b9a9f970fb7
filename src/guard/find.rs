//! Judging without a guard that fails: what would be reported, for assertions of one's own.

use super::row::settle_blocking;
use super::{Options, judge};
use crate::config;
use crate::registry::current;
use crate::report::LeakReport;

/// Looks for leaks without a guard's end: for assertions of one's own.
///
/// Judges the tasks of the innermost guard (or `#[leak_test]`) that is open here, and waits for them
/// as a guard would that is dropped here: inside a current-thread runtime there is no grace.
/// [`Options::forbid_shutdown`] counts from the first call on. With no guard open there is nothing it answers for,
/// and nothing is found. Whatever [`Options::on_leak`] says, it only returns the report.
///
/// # Errors
/// The report, if tasks are alive that should be gone.
///
/// # Panics
/// If a `TASKLEAK_*` variable has a value that is not understood.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use taskleak::{Options, find, verify_none};
///
/// # #[tokio::main(flavor = "multi_thread")] async fn main() {
/// let guard = verify_none();
/// let task = taskleak::spawn(std::future::pending::<()>());
/// let report = find(Options::new().grace(Duration::ZERO)).unwrap_err();
/// assert_eq!(report.leaks().len(), 1);
/// assert!(report.to_string().contains("core::future::pending::Pending"));
/// task.abort();
/// guard.finish().await;
/// # }
/// ```
pub fn find(mut options: Options) -> Result<(), LeakReport> {
    if let Err(error) = config::checked() {
        panic!("{error}");
    }
    let Some(scope) = current::scope().open() else {
        return Ok(());
    };
    if options.forbid_shutdown {
        scope.keep_killed();
    }
    let (settled, answers) = settle_blocking(scope, &options);
    let judgement = judge::judge(scope, &options, settled, &answers).of_settled(settled);
    let report = LeakReport::new(
        scope.label(),
        judgement,
        settled,
        options.grace_or_default(),
    );
    if let Some(cleanup) = options.cleanup.take() {
        cleanup(&report);
    }
    if report.is_empty() {
        Ok(())
    } else {
        Err(report)
    }
}
