//! What becomes of a leak.

/// What a guard does about a leak.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use taskleak::{Action, verify_none};
///
/// let guard = verify_none().on_leak(Action::Warn);
/// taskleak::spawn(std::future::pending::<()>());
/// guard.grace(std::time::Duration::ZERO).finish().await; // prints the report, and goes on
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Prints the report and fails the test. The default.
    Fail,
    /// Prints the report.
    Warn,
    /// Prints the report and aborts the process, to look at the leak in a debugger or a core dump.
    Abort,
}
