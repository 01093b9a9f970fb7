//! Walks by cached call frame information: x86-64 Linux.
//!
//! The compiler's unwind tables say for each call site how its caller's registers follow from its own. Of these a walk
//! needs three: instruction, stack and frame pointer. [`rule_cache`] keeps the answer for each return address, so that
//! a frame costs a look-up and two loads. What the cache does not know is read from `.eh_frame` by [`modules`]. What a
//! [`rule`] cannot say, code of unknown modules, other stacks than the thread's, and anything that does not add up
//! end the walk without a result, and the platform's unwinder takes over.
//!
//! Why not framehop, which has such a cache too: it is made for reading other processes' stacks. Where it lacks
//! information it guesses (by frame pointer, or by reading instructions), and a wrong stack is worse than none. Its
//! cache needs exclusive access, so a lock, or a copy for each thread and nothing for a signal handler. And in the
//! debug builds that tests are, all of it would run unoptimised.

mod capture;
mod check;
mod copied;
mod follow;
mod modules;
mod record;
mod registers;
mod replay;
mod rule;
mod rule_cache;

pub(in crate::stack) use capture::capture_here;
pub use copied::StackCopy;
pub(in crate::stack) use follow::is_in_c_library;
pub(super) use follow::{walk, walk_to};
