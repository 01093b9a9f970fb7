//! What the census tells of a task, as lines below its name.

use super::awaits;
use super::fields::Fields;
use super::paint::Paint;
use super::project;
use super::unseen::UnseenState;
use crate::census::Sight;
use crate::wait::AwaitTrace;
use std::fmt::{self, Display};
use std::path::Path;

/// Its state, and where it waits.
pub(super) struct SightText<'a> {
    pub(super) sight: &'a Sight,
    pub(super) paint: Paint,
}

impl Display for SightText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sight, paint } = self;
        let fields = Fields::nested(*paint);
        fields.field(f, "state", UnseenState::from(sight.state))?;
        awaits(f, fields, &sight.await_trace)
    }
}

/// A place where something is declared: `src/server.rs:42`.
pub(super) fn place((file, line): (&Path, u32)) -> String {
    format!("{}:{line}", project::relative(&file.to_string_lossy()))
}

fn awaits(f: &mut fmt::Formatter<'_>, fields: Fields, trace: &AwaitTrace) -> fmt::Result {
    if trace.is_empty() {
        return Ok(());
    }
    fields.field(f, "waits in", awaits::BY_DEBUG_INFO)?;
    let (lines, more) = awaits::lines(trace);
    fields.functions(f, &lines)?;
    if more > 0 {
        fields.line(f, format_args!("... and {more} more lines"))?;
    }
    Ok(())
}
