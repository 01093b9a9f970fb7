//! What suspended tasks keep across their suspension: halves of channels, guards, permits, handles of other tasks; and at
//! which of these wakers of them lie.

mod children;
mod collections;
mod contents;
mod find;
mod known;
mod machine;
mod take;

pub(super) use take::holdings;
