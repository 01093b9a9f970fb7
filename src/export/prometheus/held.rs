//! Counters that never fall.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The most that was told of each name.
///
/// A hooked task is counted as started where it was spawned, and under another name once its first poll
/// shows that it was marked ([`Track`](crate::Track)). To Prometheus a counter that falls is one that
/// began anew: it would add all that was counted before once more.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<String, u64>>);

impl Held {
    /// Raises what is less now than it was told before.
    pub(super) fn hold<'a, 'b: 'a>(
        &self,
        counts: impl Iterator<Item = (&'a Cow<'b, str>, &'a mut u64)>,
    ) {
        let mut most = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in counts {
            match most.get_mut(&**name) {
                Some(most) => {
                    *most = (*most).max(*count);
                    *count = *most;
                }
                None => {
                    most.insert(name.clone().into_owned(), *count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::collections::BTreeMap;

    #[test]
    fn a_count_that_falls_stays_and_goes_on_when_it_has_caught_up() {
        let held = Held::default();
        let told = [3, 1, 3, 5, 4].map(|count| {
            let mut rows = BTreeMap::from([(Cow::Borrowed("name"), count)]);
            held.hold(rows.iter_mut());
            rows["name"]
        });
        assert_eq!(told, [3, 3, 3, 5, 5]);
    }
}
