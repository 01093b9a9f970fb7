//! The arguments that the attributes take.

mod arguments;
mod duration;
mod glob;
mod literal;
mod runtime;
mod verdict;

pub(crate) use arguments::{Accepts, Arguments};
pub(crate) use runtime::{Flavor, RuntimeArguments};
pub(crate) use verdict::VerdictArguments;
