//! Capturing, interning and resolving call stacks.
//!
//! The ground floor of the crate: a task's spawn backtrace is captured here as raw return addresses, which must cost
//! no more than a few nanoseconds a frame because it happens at every spawn. Equal stacks become one [`Stack`] of four
//! bytes. What the addresses mean is asked only when somebody reads a report, and once per address.
//!
//! - `capture` recognises the caller's stack if it was captured before, or else walks it with the fastest exact
//!   [`walk::Walker`] of the target and interns it.
//! - [`Stack`] is the interned stack; `frames` and `user_frames` resolve it.
//! - [`Frame`] is one resolved frame and [`FrameOrigin`] says whose code it is.

mod addresses;
mod call_stack;
mod capture;
mod frame;
mod interner;
mod origin;
mod slow_path;
mod symbols;
mod trim;
pub mod walk;

pub use addresses::{Addresses, MAX_DEPTH};
pub use call_stack::Stack;
pub use capture::{How, capture, capture_and_tell_how, capture_at};
pub use frame::Frame;
pub use origin::FrameOrigin;
