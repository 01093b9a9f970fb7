//! Who spawned who spawned a task.

use super::origin::OriginId;
use super::slot::Reading;
use super::{TaskId, extras};
use std::borrow::Cow;
use std::panic::Location;

const MOST: usize = 64;

/// One step up from a task to the test that started it all.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// taskleak::spawn(async {
///     let child = taskleak::spawn(std::future::pending::<()>());
///     let live = taskleak::live_tasks();
///     let child_info = live.iter().find(|task| !task.ancestors().is_empty()).unwrap();
///     assert!(child_info.ancestors()[0].name().ends_with("main::{async block}"));
///     child.abort();
/// }).await.unwrap();
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ancestor {
    name: Cow<'static, str>,
    location: &'static Location<'static>,
}

impl Ancestor {
    /// The ancestors of a live task, from the one that spawned it to the first.
    pub(super) fn of(task: &Reading) -> Vec<Self> {
        let mut ancestors = Vec::new();
        let mut child = *task;
        // Parents that are alive are asked themselves: they may have names of their own.
        while let Some(parent) = child.parent.and_then(TaskId::read) {
            let Some(origin) = parent.origin.get() else {
                break;
            };
            let ancestor = Self {
                name: extras::name_of(&parent),
                location: origin.location,
            };
            ancestor.join(&mut ancestors);
            child = parent;
        }
        // Of those that ended, their origins are left.
        for ancestor in Self::above(child.origin) {
            ancestor.join(&mut ancestors);
        }
        ancestors
    }

    /// A task that spawned its own successor stands there once.
    fn join(self, ancestors: &mut Vec<Self>) {
        if ancestors.len() < MOST && !ancestors.contains(&self) {
            ancestors.push(self);
        }
    }

    /// The ancestors of tasks of an origin, from the one that spawned them to the first, as far as
    /// they are known without their own names: they may have ended.
    pub(crate) fn above(origin: OriginId) -> Vec<Self> {
        let mut ancestors = Vec::new();
        for (id, origin) in origin.ancestry().skip(1) {
            let ancestor = Self {
                name: Cow::Borrowed(id.name()),
                location: origin.location,
            };
            ancestor.join(&mut ancestors);
        }
        ancestors
    }

    /// The ancestor task's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the ancestor was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}
