//! The attributes of taskleak: [`macro@leak_test`] and, for the façade `taskleak-tokio`, [`macro@test`] and
//! [`macro@main`].
//!
//! Nobody depends on this crate directly: `taskleak` exports `leak_test`, `taskleak-tokio` exports the other two.
//! Each attribute only rewrites the function it stands on into calls of `taskleak::__private::Harness`; what a leak
//! is, and how long to wait for one, is decided there.
#![deny(unsafe_code)]

mod args;
mod attributes;
mod expansion;
mod facade;
mod function;
mod leak_test;
mod origin;

use proc_macro::TokenStream;

use leak_test::Origin;

/// Makes a function a test that fails when tasks outlive it.
///
/// # Where it can stand
///
/// | on | what it does |
/// |---|---|
/// | an `async fn` by itself | a whole test: builds a runtime, runs the body on it, lets its tasks finish, judges |
/// | above `#[tokio::test(..)]` | takes its place, arguments and all |
/// | above `#[rstest]` or `#[test_case]` | makes every case a leak test |
/// | above another attribute that runs async tests (`#[sqlx::test]`, `#[actix_rt::test]`, ..) | keeps that attribute and wraps the body |
/// | on a sync `fn`, with or without `#[test]` | wraps the body |
///
/// It must stand above the attribute that provides the runtime: below it there is no async body left to wrap, which
/// is a compile error.
///
/// # Arguments
///
/// The arguments of `#[tokio::test]`, for the runtime that `#[leak_test]` builds: `flavor` (`"current_thread"`, the
/// default, `"multi_thread"` or `"local"`), `worker_threads`, `start_paused`, `unhandled_panic`, `name`.
///
/// Its own:
///
/// - `grace = "750ms"`: how long tasks may take to finish after the body returned.
/// - `ignore = "pool-*"`, `ignore = ["pool-*", "janitor"]`: names of tasks that may live on.
/// - `background = false`: tasks that were declared to live on count as leaks, too.
/// - `threads = true`: threads that the test started and left running count as leaks, too; see
///   `taskleak::Options::threads`.
/// - `blocked_after = "2s"`: after how long a poll that has not returned is reported with its thread's stack; see
///   `taskleak::Options::blocked_after`.
/// - `timeout = "5s"`: how long the body may take; past it the test fails and names the tasks alive. A body that holds
///   its thread, as a synchronous one does, cannot be failed: the process is aborted. On a paused clock the time is
///   virtual, and goes by the test's own timers only; where it stands still and so does the body, real time decides.
/// - `crate = "path"`: where the crate `taskleak` is found, if not at `::taskleak`.
///
/// # Beside `#[should_panic]`
/// A leak is not the panic that is expected: where the body does not panic, its tasks are judged, and the test fails
/// for not panicking. With `expected = ".."` the report may be what is expected. A body that panicked is not judged.
///
/// # Examples
///
/// ```test_harness
/// use taskleak::leak_test;
///
/// #[leak_test]
/// async fn replies() {
///     let handle = taskleak::spawn(async { 1 + 1 });
///     assert_eq!(handle.await.unwrap(), 2);
/// }
///
/// #[leak_test(flavor = "multi_thread", worker_threads = 2, grace = "750ms", ignore = ["pool-*"])]
/// async fn replies_in_parallel() -> Result<(), Box<dyn std::error::Error>> {
///     assert_eq!(taskleak::spawn(async { 1 + 1 }).await?, 2);
///     Ok(())
/// }
///
/// #[leak_test(timeout = "2m")]
/// #[tokio::test(start_paused = true)]
/// async fn takes_the_place_of_tokios() {
///     tokio::time::sleep(std::time::Duration::from_secs(60)).await; // takes no time
/// }
/// ```
#[proc_macro_attribute]
pub fn leak_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    leak_test::expand(arguments.into(), item.into(), Origin::Written).into()
}

/// [`macro@leak_test`] on a function that an attribute about cases, such as `#[rstest]`, makes a test.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn case(arguments: TokenStream, item: TokenStream) -> TokenStream {
    leak_test::expand(arguments.into(), item.into(), Origin::Cases).into()
}

/// `#[tokio::test]` of the façade: takes the same arguments, and fails when tasks outlive the test.
///
/// Further wishes (a grace, names to ignore) are the arguments of a `#[leak_test(..)]` above it.
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    facade::test(arguments.into(), item.into()).into()
}

/// `#[tokio::main]` of the façade: takes the same arguments and runs on a runtime whose tasks are tracked. It gives
/// no verdict.
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    facade::main(arguments.into(), item.into()).into()
}
