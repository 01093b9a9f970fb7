//! What is told below the name of a task or a thread, a key a line: `= state: parked`.

use super::paint::Paint;
use std::fmt::{self, Display};

/// Wider names of functions don't push the places of all to the right.
const WIDEST_FUNCTION: usize = 48;

/// Writes such lines.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    paint: Paint,
    /// Spaces before a key.
    indent: usize,
    /// Spaces before what takes lines of its own.
    below: usize,
}

impl Fields {
    /// Below a name at the left edge.
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            indent: 3,
            below: 7,
        }
    }

    /// Below the line with this number of a source file, under its bar.
    pub(super) fn below_source(paint: Paint, line: u32) -> Self {
        Self {
            indent: line.to_string().len() + 1,
            ..Self::new(paint)
        }
    }

    /// Below a name that is itself within a paragraph.
    pub(super) fn nested(paint: Paint) -> Self {
        Self {
            paint,
            indent: 4,
            below: 8,
        }
    }

    /// A key and its value.
    pub(super) fn field(
        self,
        f: &mut fmt::Formatter<'_>,
        key: &str,
        value: impl Display,
    ) -> fmt::Result {
        self.key(f, key)?;
        writeln!(f, " {value}")
    }

    /// A key whose value goes on below.
    pub(super) fn key(self, f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
        let Self { paint, indent, .. } = self;
        let sign = paint.frame("=");
        write!(
            f,
            "{:indent$}{sign} {}",
            "",
            paint.strong(format_args!("{key}:"))
        )
    }

    /// A line below a key.
    pub(super) fn line(self, f: &mut fmt::Formatter<'_>, text: impl Display) -> fmt::Result {
        writeln!(f, "{:below$}{text}", "", below = self.below)
    }

    /// Functions below a key, and their places.
    pub(super) fn functions(
        self,
        f: &mut fmt::Formatter<'_>,
        lines: &[(String, Option<String>)],
    ) -> fmt::Result {
        let width = lines.iter().map(|(function, _)| function.chars().count());
        let width = width.max().unwrap_or(0).min(WIDEST_FUNCTION);
        for (function, place) in lines {
            match place {
                Some(place) => {
                    let place = self.paint.dim(place);
                    self.line(f, format_args!("{function:width$}  {place}"))?;
                }
                None => self.line(f, function)?,
            }
        }
        Ok(())
    }
}
