//! Whether anybody but a judge wants to know when tasks are first polled, which takes a look at the clock.

use super::attention::{self, Flag, Wanted};

static WANTED: Wanted = Wanted::new(Flag::Timed);

pub(crate) fn want() {
    WANTED.enter();
}

pub(crate) fn release() {
    WANTED.leave();
}

#[inline]
pub(super) fn wanted() -> bool {
    attention::now().has(Flag::Timed)
}
