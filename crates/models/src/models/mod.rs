//! One file for each part.

mod gate;
mod life;
mod ring;
mod slot;
