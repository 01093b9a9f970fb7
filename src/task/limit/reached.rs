//! What is said where there is no room.

use crate::escaped::escaped;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// As many tasks of the name are alive as may be.
///
/// # Examples
///
/// ```
/// # use taskleak::task::Builder;
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let refused = Builder::new().limit("export", 0).try_spawn(async { 7 }).unwrap_err();
/// assert_eq!((refused.name(), refused.limit()), ("export", 0));
/// assert_eq!(refused.into_inner().await, 7); // run it in place
/// # }
/// ```
pub struct LimitReached<F> {
    pub(super) name: Arc<str>,
    pub(super) most: usize,
    pub(super) future: F,
}

impl<F> LimitReached<F> {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many may be alive.
    pub fn limit(&self) -> usize {
        self.most
    }

    /// The future, or blocking closure, that was not spawned.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F> fmt::Display for LimitReached<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escaped(&self.name);
        match self.most {
            0 => write!(
                f,
                "no task named `{name}` may be alive, since its limit is 0: raise the limit"
            ),
            most => {
                let tasks = if most == 1 { "task" } else { "tasks" };
                write!(
                    f,
                    "no more than {most} {tasks} named `{name}` may be alive, and there is no room: wait \
                     until there is (`LimitedBuilder::spawn`), turn the work away, or raise the limit"
                )
            }
        }
    }
}

impl<F> fmt::Debug for LimitReached<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitReached")
            .field("name", &self.name)
            .field("limit", &self.most)
            .finish_non_exhaustive()
    }
}

impl<F> Error for LimitReached<F> {}
