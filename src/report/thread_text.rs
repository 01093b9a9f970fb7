//! Leaked threads as a person reads of them.

use super::fields::Fields;
use super::leaked_thread::LeakedThread;
use super::paint::Paint;
use super::quantity::{Brief, Range};
use super::{frames, project};
use crate::config::Style;
use std::fmt;

/// Threads that came about in the same way.
pub(super) struct ThreadText<'a> {
    /// At least one.
    threads: Vec<&'a LeakedThread>,
    pub(super) paint: Paint,
    pub(super) style: Style,
}

impl<'a> ThreadText<'a> {
    pub(super) fn group(threads: &'a [LeakedThread], paint: Paint, style: Style) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for thread in threads {
            match groups
                .iter_mut()
                .find(|group| group.threads[0].is_like(thread))
            {
                Some(group) => group.threads.push(thread),
                None => groups.push(Self {
                    threads: vec![thread],
                    paint,
                    style,
                }),
            }
        }
        groups
    }
}

impl fmt::Display for ThreadText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { paint, .. } = self;
        let first = self.threads[0];
        let title = match self.threads.len() {
            1 => "leaked thread:".to_owned(),
            count => format!("{count} leaked threads:"),
        };
        let name = format!("`{}`", first.name());
        writeln!(f, "{} {}", paint.error(title), paint.strong(name))?;
        let shown = match self.style {
            Style::Short => first.user_frames(),
            Style::Full => first.frames().iter().collect(),
        };
        if let Some(place) = first
            .user_frames()
            .first()
            .and_then(|frame| project::place(frame))
        {
            writeln!(f, "  {} {place}", paint.frame("-->"))?;
        }
        let ages = Range::of(self.threads.iter().map(|thread| thread.age()));
        let doing = first.doing();
        let same = self.threads.iter().all(|thread| thread.doing() == doing);
        let doing = if same { doing.as_str() } else { "alive" };
        let fields = Fields::new(*paint);
        let started = ages.map(Brief);
        fields.field(f, "state", format_args!("{doing}, started {started} ago"))?;
        if !shown.is_empty() {
            fields.key(f, "started at")?;
            writeln!(f)?;
            frames::write(f, *paint, self.style, &shown)?;
        }
        Ok(())
    }
}
