//! A bound on how many tasks of a name are alive.

mod blocking;
mod builder;
mod local;
mod placed;
mod places;
mod reached;
mod spawns;

pub use builder::LimitedBuilder;
pub use reached::LimitReached;
