//! Colour, where it is wanted.

use crate::config::{self, Color};
use anstyle::{AnsiColor, Style};
use std::env;
use std::fmt::{self, Display};
use std::io::{IsTerminal, stderr};

/// Paints text, or leaves it plain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    is_on: bool,
}

impl Paint {
    pub(super) const PLAIN: Self = Self { is_on: false };

    /// Colour if standard error is a terminal; `TASKLEAK_COLOR`, `NO_COLOR` and `CLICOLOR_FORCE` (or
    /// `FORCE_COLOR`) have their say first, in this order.
    pub(super) fn for_stderr() -> Self {
        let set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
        let forced =
            |variable| env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0");
        let is_on = match config::get().color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
            Color::Auto => stderr().is_terminal(),
        };
        Self { is_on }
    }

    /// What is wrong.
    pub(super) fn error<T: Display>(self, text: T) -> impl Display {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What must be seen first.
    pub(super) fn strong<T: Display>(self, text: T) -> impl Display {
        self.paint(Style::new().bold(), text)
    }

    /// The lines that hold a report together.
    pub(super) fn frame<T: Display>(self, text: T) -> impl Display {
        self.paint(AnsiColor::BrightBlue.on_default().bold(), text)
    }

    /// What few need.
    pub(super) fn dim<T: Display>(self, text: T) -> impl Display {
        self.paint(Style::new().dimmed(), text)
    }

    /// What to do.
    pub(super) fn help<T: Display>(self, text: T) -> impl Display {
        self.paint(AnsiColor::Cyan.on_default().bold(), text)
    }

    fn paint<T: Display>(self, style: Style, text: T) -> impl Display {
        Painted {
            style: if self.is_on { style } else { Style::new() },
            text,
        }
    }
}

struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.style.render())?;
        self.text.fmt(f)?;
        write!(f, "{}", self.style.render_reset())
    }
}
