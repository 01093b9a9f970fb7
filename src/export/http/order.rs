//! In which order somebody wants to see tasks and names.

use crate::manager::{NameCounts, Status, TaskRecord};
use std::cmp::Ordering;
use std::fmt;

/// By which figure, and whether from its other end. Numbers begin with the largest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Order {
    /// None: names by their live tasks, tasks by age.
    by: Option<By>,
    is_backward: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Name,
    Live,
    Oldest,
    // Of names only.
    Started,
    Finished,
    Panicked,
    Aborted,
    OverTime,
    // Of tasks only.
    Id,
    State,
    Polls,
    Location,
    Data,
}

const WORDS: [(&str, By); 13] = [
    ("name", By::Name),
    ("live", By::Live),
    ("oldest", By::Oldest),
    ("started", By::Started),
    ("finished", By::Finished),
    ("panicked", By::Panicked),
    ("aborted", By::Aborted),
    ("over_time", By::OverTime),
    ("id", By::Id),
    ("state", By::State),
    ("polls", By::Polls),
    ("location", By::Location),
    ("data", By::Data),
];

impl Order {
    /// Those that are equal stay as they are.
    pub(super) fn sort_tasks(self, tasks: &mut [&TaskRecord]) {
        let by = self.by.unwrap_or(By::Oldest);
        tasks.sort_by(|one, other| {
            self.turned(match by {
                By::Name => one.name().cmp(other.name()),
                By::Live => other.live_of_same_name().cmp(&one.live_of_same_name()),
                By::Id => as_shown(other).cmp(&as_shown(one)),
                By::State => state(one).cmp(state(other)),
                By::Polls => other.polls().cmp(&one.polls()),
                By::Location => one.location().cmp(other.location()),
                By::Data => one.data().cmp(other.data()),
                _ => other.age().cmp(&one.age()),
            })
        });
    }

    /// Those that are equal stay as they are.
    pub(super) fn sort_names(self, names: &mut [&NameCounts]) {
        let by = self.by.unwrap_or(By::Live);
        names.sort_by(|one, other| {
            let (counts, others) = (one.counts(), other.counts());
            self.turned(match by {
                By::Name => one.name().cmp(other.name()),
                By::Oldest => other.oldest().cmp(&one.oldest()),
                By::Started => others.started.cmp(&counts.started),
                By::Finished => others.finished.cmp(&counts.finished),
                By::Panicked => others.panicked.cmp(&counts.panicked),
                By::Aborted => others.aborted.cmp(&counts.aborted),
                By::OverTime => others.over_time.cmp(&counts.over_time),
                _ => other.live().cmp(&one.live()),
            })
        });
    }

    fn turned(self, order: Ordering) -> Ordering {
        if self.is_backward {
            order.reverse()
        } else {
            order
        }
    }
}

/// An id as a number that grows with what is written of it: the place first, then how often it was used.
fn as_shown(task: &TaskRecord) -> u64 {
    task.id().to_bits().rotate_left(32)
}

/// As the page shows it.
fn state(task: &TaskRecord) -> &'static str {
    match task.status() {
        Status::OverTime => Status::OverTime.as_str(),
        _ => task.state().as_str(),
    }
}

impl TryFrom<String> for Order {
    type Error = UnknownOrder;

    fn try_from(text: String) -> Result<Self, UnknownOrder> {
        let (word, is_backward) = match text.as_str() {
            "" => return Ok(Self::default()),
            "newest" => ("oldest", true),
            text => match text.strip_prefix('-') {
                Some(word) => (word, true),
                None => (text, false),
            },
        };
        match WORDS.iter().find(|(one, _)| *one == word) {
            Some((_, by)) => Ok(Self {
                by: Some(*by),
                is_backward,
            }),
            None => Err(UnknownOrder(text)),
        }
    }
}

#[derive(Debug)]
pub(super) struct UnknownOrder(String);

impl fmt::Display for UnknownOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
        write!(
            f,
            "tasks cannot be sorted by {:?}: sort by newest, {}, with a - before it for the other \
             way round",
            self.0,
            words.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn order(text: &str) -> Result<Order, UnknownOrder> {
        Order::try_from(text.to_owned())
    }

    #[test]
    fn orders_are_words_and_may_be_turned_round() {
        let one = |by, is_backward| Order {
            by: Some(by),
            is_backward,
        };
        assert_eq!(order("polls").unwrap(), one(By::Polls, false));
        assert_eq!(order("-over_time").unwrap(), one(By::OverTime, true));
        assert_eq!(order("newest").unwrap(), order("-oldest").unwrap());
        assert_eq!(order("").unwrap(), Order::default());
        let unknown = order("--name").unwrap_err().to_string();
        assert!(
            unknown.contains("\"--name\": sort by newest, name, live,"),
            "{unknown}"
        );
    }
}
