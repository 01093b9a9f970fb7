//! `spawn`, `spawn_local`, `spawn_blocking`.

use super::builder::Builder;
use std::future::Future;
use tokio::task::JoinHandle;

/// Spawns a tracked task; otherwise as [`tokio::spawn`].
///
/// # Panics
/// As [`tokio::spawn`]: outside of a tokio runtime.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let answer = taskleak::spawn(async { 6 * 7 });
/// assert_eq!(answer.await.unwrap(), 42);
/// # }
/// ```
#[inline(always)]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Builder::new().spawn(future)
}

/// Spawns a tracked task on the current `LocalSet`; otherwise as [`tokio::task::spawn_local`].
///
/// # Panics
/// As [`tokio::task::spawn_local`]: outside of a [`LocalSet`](super::LocalSet).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let local = taskleak::task::LocalSet::new();
/// local.run_until(async {
///     let shared = std::rc::Rc::new(42);
///     let answer = taskleak::task::spawn_local(async move { *shared });
///     assert_eq!(answer.await.unwrap(), 42);
/// }).await;
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Builder::new().spawn_local(future)
}

/// Runs a tracked closure on the blocking pool; otherwise as [`tokio::task::spawn_blocking`].
///
/// # Panics
/// As [`tokio::task::spawn_blocking`]: outside of a tokio runtime.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let sum = taskleak::task::spawn_blocking(|| (1..=10).sum::<u32>());
/// assert_eq!(sum.await.unwrap(), 55);
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(function: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Builder::new().spawn_blocking(function)
}
