//! Names that somebody else made up, in texts of ours.

use std::borrow::Cow;
use std::fmt::Write;

/// A name on one line, whatever is in it: a line break in a name must not forge a line of a log.
pub(crate) fn escaped(name: &str) -> Cow<'_, str> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !name.contains(breaks) {
        return Cow::Borrowed(name);
    }
    let mut line = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if breaks(c) {
            // A string takes all that is written to it.
            let _ = write!(line, "{}", c.escape_default());
        } else {
            line.push(c);
        }
    }
    Cow::Owned(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn what_would_break_a_line_or_colour_it_is_written_out() {
        assert_eq!(
            escaped("a\nERROR forged\r\x1b[31m"),
            "a\\nERROR forged\\r\\u{1b}[31m"
        );
        assert_eq!(escaped("a\u{2028}b\u{85}"), "a\\u{2028}b\\u{85}");
    }

    #[test]
    fn any_other_name_is_as_it_is() {
        for name in ["", "handler", "Größe \"x\" \\n 🦀", "a\u{a0}b"] {
            assert!(matches!(escaped(name), Cow::Borrowed(same) if same == name));
        }
    }
}
