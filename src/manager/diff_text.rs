//! A diff as a person reads it.

use super::diff::SnapshotDiff;
use crate::escaped::escaped;
use anstyle::{AnsiColor, Style};
use std::fmt::{self, Display};

pub(super) struct DiffText<'a> {
    pub(super) diff: &'a SnapshotDiff,
    pub(super) in_colour: bool,
}

impl Display for DiffText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { diff, in_colour } = *self;
        let growth = diff.after as i64 - diff.before as i64;
        let style = |growth: i64| match growth {
            _ if !in_colour => Style::new(),
            1.. => AnsiColor::Green.on_default(),
            0 => Style::new().dimmed(),
            _ => AnsiColor::Red.on_default(),
        };
        let bold = if in_colour {
            Style::new().bold()
        } else {
            Style::new()
        };
        writeln!(
            f,
            "{bold}live tasks: {} -> {}{bold:#} ({})",
            diff.before,
            diff.after,
            signed(growth)
        )?;
        let width = |text: fn(&super::NameDiff) -> String| {
            diff.names
                .iter()
                .map(|name| text(name).chars().count())
                .max()
                .unwrap_or(0)
        };
        let change_width = width(|name| signed(name.growth()));
        let name_width = width(|name| escaped(name.name()).into_owned());
        for name in &diff.names {
            let style = style(name.growth());
            let change = signed(name.growth());
            writeln!(
                f,
                "{style}{change:>change_width$}  {:name_width$}  {} -> {}{style:#}  ({} started, {} ended)",
                escaped(name.name()),
                name.before(),
                name.after(),
                name.started(),
                name.ended()
            )?;
        }
        Ok(())
    }
}

fn signed(growth: i64) -> String {
    if growth == 0 {
        "=0".to_owned()
    } else {
        format!("{growth:+}")
    }
}
