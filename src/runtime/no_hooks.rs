//! Without `--cfg tokio_unstable` a runtime has no task hooks: its tasks are counted.

use crate::registry::TrackedRuntime;
use tokio::runtime::{Builder, Handle};

/// No hooks.
#[derive(Debug)]
pub(crate) struct Hooks;

/// A runtime that is not hooked.
#[derive(Debug)]
pub(crate) struct Hooked;

impl Hooked {
    pub(crate) const NOT: Self = Self;

    pub(crate) fn is(&self, runtime: &Handle) {
        TrackedRuntime::built(runtime);
    }

    pub(crate) fn close(&self) {}
}

impl Hooks {
    pub(crate) fn new(_: &mut Builder) -> Self {
        Self
    }

    pub(crate) fn install(&mut self, _: &mut Builder) -> Hooked {
        Hooked
    }

    pub(crate) fn renew(&mut self, _: &mut Builder) {}
}
