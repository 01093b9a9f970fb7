//! What a test is called.

use std::sync::Arc;

/// A test's path as libtest prints it: without the crate.
pub(super) fn of_path(path: &str) -> Arc<str> {
    Arc::from(path.split_once("::").map_or(path, |(_, within)| within))
}
