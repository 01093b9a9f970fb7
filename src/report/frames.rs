//! Frames of a backtrace, a line each.

use super::paint::Paint;
use super::project;
use crate::config::Style;
use crate::stack::Frame;
use std::fmt;

/// Frames that are shown in the short style.
const MOST_FRAMES: usize = 24;

/// Writes the frames below the key that names the backtrace.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    paint: Paint,
    style: Style,
    frames: &[&Frame],
) -> fmt::Result {
    let shown = match style {
        Style::Short => frames.len().min(MOST_FRAMES),
        Style::Full => frames.len(),
    };
    let width = frames[..shown]
        .iter()
        .map(|frame| frame.function().chars().count())
        .max();
    let width = width.unwrap_or(0).min(48);
    for frame in &frames[..shown] {
        let place = project::place(frame).unwrap_or_else(|| "(no debug info)".to_owned());
        writeln!(
            f,
            "       {:width$}  {}",
            frame.function(),
            paint.dim(place)
        )?;
    }
    if shown < frames.len() {
        writeln!(f, "       ... and {} more frames", frames.len() - shown)?;
    }
    Ok(())
}
