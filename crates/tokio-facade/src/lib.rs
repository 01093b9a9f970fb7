//! tokio, with taskleak's tracked twins in place.
//!
//! Everything of [`tokio`] is here under the same path. Tasks that are spawned through it are known to taskleak, and
//! its `#[test]` fails when one of them outlives the test. Nothing in the code under test changes but one line.
//!
//! # A whole crate
//!
//! At the root of the crate, next to a dev-dependency on `taskleak-tokio`:
//!
//! ```
//! #[cfg(test)]
//! extern crate taskleak_tokio as tokio;
//! # fn main() {}
//! ```
//!
//! From then on, in the crate's tests, every `tokio::` means this crate, in every module and inside `tokio::select!`
//! as well. Builds other than those of tests are untouched.
//!
//! # A test binary
//!
//! Each file of `tests/`, and each folder there with a `main.rs`, is a crate of its own. The same line at its root,
//! without `#[cfg(test)]`, holds for the file and all its modules:
//!
//! ```
//! extern crate taskleak_tokio as tokio;
//! # fn main() {}
//! ```
//!
//! # One module
//!
//! `use` holds for the module that it stands in, and for none below it:
//!
//! ```
//! use taskleak_tokio as tokio;
//!
//! #[tokio::test]
//! async fn answers() {
//!     let (reply, answer) = tokio::sync::oneshot::channel();
//!     tokio::spawn(async move { reply.send(42).unwrap() });
//!     assert_eq!(answer.await.unwrap(), 42);
//! }
//! ```
//!
//! # What differs from tokio
//!
//! | path | here |
//! |---|---|
//! | `spawn`, `task::{spawn, spawn_blocking, spawn_local}` | [`taskleak::task`]'s, with the same signatures and handles |
//! | [`task::JoinSet`], [`task::LocalSet`] | [`taskleak::task`]'s |
//! | [`task::Builder`] | [`taskleak::task::Builder`]; tokio has one under `tokio_unstable` only |
//! | [`runtime::Builder`], [`runtime::Runtime`] | [`taskleak::runtime`]'s |
//! | [`macro@test`] | with the same arguments, and a verdict at the end |
//! | [`macro@main`] | with the same arguments, on a runtime whose tasks are tracked; no verdict |
//!
//! Everything else is tokio's own, so values of these types go to and come from crates that know only tokio.
//!
//! # Features
//!
//! Those of tokio, by their names, none by default. A crate that depends on tokio anyway has switched on there what it
//! uses, and cargo builds one tokio for both, so it needs to name none of them again.
#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod runtime;
pub mod task;

// An explicit name takes precedence over the same name behind a glob, so this leaves the twins in place.
pub use tokio::*;

pub use taskleak::spawn;
pub use taskleak_macros::{main, test};

/// What the attributes expand to.
#[doc(hidden)]
pub mod __private {
    pub use taskleak::__private::Harness;
}
