//! Numbers and times as a sentence has them.

use std::fmt::{self, Display};
use std::time::Duration;

/// What did, as a headline begins.
pub(super) fn outlived(tasks: usize, threads: usize) -> String {
    let plural = if threads == 1 { "" } else { "s" };
    match (tasks, threads) {
        (_, 0) => tasks_of(tasks),
        (0, _) => format!("{threads} thread{plural}"),
        _ => format!("{} and {threads} thread{plural}", tasks_of(tasks)),
    }
}

pub(super) fn tasks_of(count: usize) -> String {
    format!("{count} task{}", if count == 1 { "" } else { "s" })
}

/// The least and the greatest of some values; as one if they read the same.
pub(super) struct Range<T> {
    least: T,
    greatest: T,
}

impl<T: Ord + Copy + Default> Range<T> {
    pub(super) fn of(values: impl Iterator<Item = T> + Clone) -> Self {
        Self {
            least: values.clone().min().unwrap_or_default(),
            greatest: values.max().unwrap_or_default(),
        }
    }

    pub(super) fn is_one(&self, value: &T) -> bool {
        self.least == *value && self.greatest == *value
    }

    pub(super) fn map<U>(&self, map: impl Fn(T) -> U) -> Range<U> {
        Range {
            least: map(self.least),
            greatest: map(self.greatest),
        }
    }
}

impl<T: Display> Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = (self.least.to_string(), self.greatest.to_string());
        if least == greatest {
            f.write_str(&least)
        } else {
            write!(f, "{least} to {greatest}")
        }
    }
}

/// A duration to three digits: `1.02s`, `750ms`, `3min`.
#[derive(Clone, Copy)]
pub(super) struct Brief(pub(super) Duration);

impl Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            // Ages are read off a clock that ticks this slowly.
            0..5 => f.write_str("less than 5ms"),
            5..1000 => write!(f, "{millis}ms"),
            1000..60_000 if millis.is_multiple_of(1000) => write!(f, "{}s", millis / 1000),
            1000..60_000 => write!(f, "{:.2}s", self.0.as_secs_f64()),
            60_000..7_200_000 => write!(f, "{}min", millis / 60_000),
            _ => write!(f, "{}h", millis / 3_600_000),
        }
    }
}
