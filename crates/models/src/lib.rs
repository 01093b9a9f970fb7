//! The registry's lock-free parts, compiled from taskleak's own sources over loom's atomics and
//! locks. The tests are in this package's `src/models`; run them in release builds.
#![cfg(test)]
#![allow(dead_code, reason = "the sources have more in them than is modelled")]

#[path = "../../../src/registry/gate.rs"]
mod gate;
#[path = "../../../src/registry/life.rs"]
mod life;
mod models;
mod neighbours;
#[path = "../../../src/registry/record.rs"]
mod record;
#[path = "../../../src/registry/ring.rs"]
mod ring;
#[path = "../../../src/registry/slot.rs"]
mod slot;
mod sync;

use neighbours::{Scope, TaskId, TaskKind, TrackedRuntime, clock, judges, origin, poller, scope};
