//! Runs the projects in `fixtures/` by real `cargo test` and `cargo nextest`, and compares what a person sees with the
//! files in `tests/golden/`.
//!
//! `GOLDEN=update cargo test --test 'projects_*'` writes those files anew.
#![allow(dead_code, reason = "each test binary uses a part of it")]

mod golden;
mod project;
mod seen;

pub use project::Project;
