//! One file for each part.

mod gate;
mod life;
mod pins;
mod slot;
