//! The rise of the number of one name's lasting tasks.

use std::collections::VecDeque;

/// The snapshots of one name that each had more lasting tasks than any before it, since their number last
/// fell back or stood still for too long.
///
/// Tasks that have not lasted for a step of the watch do not count: traffic of the same name would hide a
/// leak until it had outgrown the traffic. A name that has no lasting task has no rise.
///
/// Pauses and dips do not end a rise, since leaks have them too: nobody leaks at night. What ends it:
///
/// - The count falls back by half of what it has risen: a burst or a sawtooth that drains.
/// - There was no new high for as many snapshots as the watch has; once the name is suspect, for as
///   many as the rise had taken. So a leak stays suspect through its pauses, and a pool that has grown
///   to its size does not for ever.
///
/// Tasks that come and go by chance have highs too. The numbers of those that come and of those that go are then
/// as far apart as chance has it: where `n` have ended since the rise began, hardly ever by more than four times
/// `sqrt(2 * n)`. So a rise must be higher than that. In a short one, of a few tasks, none may have ended by chance
/// too: what counts is how many would have, as tasks of the name end otherwise. Of tasks that never end each is
/// one too many.
pub(super) struct Rise {
    /// The last so many highs as the watch has.
    highs: VecDeque<High>,
    /// Where it began, which may be before the first of them.
    base: usize,
    began: u64,
    ends: Ends,
    is_suspect: bool,
}

/// How many lasting tasks have ended of how many that were looked at, each as often as it was.
#[derive(Clone, Copy, Default)]
pub(super) struct Ends {
    ended: f64,
    of: f64,
}

impl Ends {
    /// Of the tasks of one look, as many are left at the next.
    pub(super) fn between(live: usize, left: usize) -> Self {
        Self {
            ended: live.saturating_sub(left) as f64,
            of: live as f64,
        }
    }

    fn add(&mut self, more: Self) {
        self.ended += more.ended;
        self.of += more.of;
    }

    /// The same, where what was seen longer ago counts less.
    pub(super) fn add_and_forget(&mut self, more: Self) {
        /// Looks until a third is left.
        const MEMORY: f64 = 1000.0;
        self.ended *= 1.0 - 1.0 / MEMORY;
        self.of *= 1.0 - 1.0 / MEMORY;
        self.add(more);
    }

    /// How many have ended, or would have if they ended as others.
    fn at_least_as(self, others: Self) -> f64 {
        if others.of > 0.0 {
            self.ended.max(self.of * others.ended / others.of)
        } else {
            self.ended
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct High {
    /// Who was spawned by then, on the registry's clock, had lasted for a step.
    pub(super) born_by: u64,
    /// How many of these were alive.
    pub(super) live: usize,
    /// Counts the looks of the watch.
    pub(super) look: u64,
}

impl Rise {
    pub(super) fn beginning(seen: High) -> Self {
        Self {
            highs: VecDeque::from([seen]),
            base: seen.live,
            began: seen.look,
            ends: Ends::default(),
            is_suspect: false,
        }
    }

    /// Some of the lasting tasks of the look before have ended.
    pub(super) fn see_ends(&mut self, ends: Ends) {
        self.ends.add(ends);
    }

    /// The name is looked at once more; `over` is how many highs the watch has.
    pub(super) fn see(&mut self, seen: High, over: usize) {
        let last = self.last();
        if last.live == 0 {
            *self = Self::beginning(seen);
            return;
        }
        if seen.live > last.live {
            self.highs.push_back(seen);
            while self.highs.len() > over {
                self.highs.pop_front();
            }
            return;
        }
        let pause = seen.look - last.look;
        let patience = if self.is_suspect {
            (last.look - self.began).max(over as u64)
        } else {
            over as u64
        };
        if self.has_fallen_to(seen.live) || pause > patience {
            *self = Self::beginning(seen);
        }
    }

    /// Whether so many lasting tasks end the rise.
    pub(super) fn has_fallen_to(&self, live: usize) -> bool {
        let last = self.last().live;
        match last.saturating_sub(self.base) {
            0 => live < last,
            risen => 2 * live.saturating_sub(self.base) < risen,
        }
    }

    /// Whether the name is suspect, whose tasks end as `otherwise` says: it has reached as many highs as the watch has,
    /// it has risen by more than chance would have it, and at least half of the tasks of the first of the highs, which
    /// `survivors` counts, have not ended. One that is suspect stays so until fewer than a quarter are left, or it is
    /// half as high, lest it be told of by turns.
    pub(super) fn judge(
        &mut self,
        over: usize,
        otherwise: Ends,
        survivors: impl FnOnce(&High) -> usize,
    ) -> Option<usize> {
        let first = self.highs.front()?;
        if self.highs.len() < over {
            return None;
        }
        let survivors = survivors(first);
        let is_suspect = self.is_suspect;
        let (needed, by_chance) = if is_suspect { (4, 2.0) } else { (2, 4.0) };
        let risen = self.last().live.saturating_sub(self.base);
        self.is_suspect = needed * survivors >= first.live
            && risen as f64 >= by_chance * (2.0 * self.ends.at_least_as(otherwise)).sqrt();
        self.is_suspect.then_some(survivors)
    }

    /// How many lasting tasks each of the highs had, oldest first.
    pub(super) fn counts(&self) -> Vec<usize> {
        self.highs.iter().map(|high| high.live).collect()
    }

    fn last(&self) -> High {
        *self.highs.back().expect("a rise has a beginning")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const OVER: usize = 4;
    const NEVER: [usize; 0] = [];

    /// At which looks a name with these live counts is suspect; `ended` of the oldest end at each look.
    fn suspect_at(counts: impl IntoIterator<Item = usize>, lives_for: u64) -> Vec<usize> {
        let mut rise: Option<Rise> = None;
        let mut suspect = Vec::new();
        for (look, live) in counts.into_iter().enumerate() {
            let seen = High {
                born_by: look as u64,
                live,
                look: look as u64,
            };
            match &mut rise {
                None => rise = Some(Rise::beginning(seen)),
                Some(rise) => rise.see(seen, OVER),
            }
            let rise = rise.as_mut().unwrap();
            let survivors = |first: &High| {
                let is_old = seen.look - first.look >= lives_for;
                if is_old { 0 } else { first.live.min(live) }
            };
            if rise.judge(OVER, Ends::default(), survivors).is_some() {
                suspect.push(look);
            }
        }
        suspect
    }

    fn for_ever(counts: impl IntoIterator<Item = usize>) -> Vec<usize> {
        suspect_at(counts, u64::MAX)
    }

    #[test]
    fn a_rise_begins_with_the_first_that_lasts() {
        assert_eq!(for_ever([0, 0, 1, 2, 3, 4]), [5]);
        // Nor does a pool take one step more by it.
        assert_eq!(for_ever([0, 1, 4, 8].into_iter().chain([8; 50])), NEVER);
    }

    #[test]
    fn a_leak_is_suspect_from_its_fourth_high_on() {
        assert_eq!(for_ever(1..=10), (3..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_leak_with_pauses_is_found_and_stays_suspect() {
        // A step, then as long a pause as a watch allows.
        let steps = (0..40).map(|look| 1 + look / OVER);
        assert_eq!(for_ever(steps), (12..40).collect::<Vec<_>>());
    }

    #[test]
    fn a_leak_beside_traffic_is_found_and_stays_suspect() {
        let dips = [0, 3, 1, 4, 2];
        let counts = (0..60).map(|look| 10 + 2 * look + dips[look % 5]);
        let found = for_ever(counts);
        let first = found[0];
        assert!(first < 10, "{found:?}");
        assert_eq!(found, (first..60).collect::<Vec<_>>());
    }

    #[test]
    fn a_pool_that_fills_at_once_and_stays_is_never_suspect() {
        let pool = [0, 8, 8, 8].into_iter().chain([8; 50]);
        assert_eq!(for_ever(pool), NEVER);
        // Nor one that takes fewer steps than the watch has.
        assert_eq!(for_ever([1, 4, 8].into_iter().chain([8; 50])), NEVER);
    }

    #[test]
    fn a_pool_that_took_long_to_fill_is_suspect_no_longer_than_it_took() {
        let pool = (1..=10).chain([10; 50]);
        // It grew for nine looks, and nine later it is a pool.
        assert_eq!(for_ever(pool), (3..19).collect::<Vec<_>>());
    }

    #[test]
    fn a_pool_that_grows_by_one_now_and_then_is_never_suspect() {
        let pool = (0..200).map(|look| 5 + look / (OVER + 2));
        assert_eq!(for_ever(pool), NEVER);
    }

    #[test]
    fn bursts_and_sawtooths_are_never_suspect() {
        assert_eq!(for_ever([2, 40, 30, 20, 10, 2, 2, 2]), NEVER);
        assert_eq!(for_ever((0..60).map(|look| 2 + 5 * (look % 3))), NEVER);
        // Long teeth, of tasks that end one after the other.
        assert_eq!(suspect_at((0..60).map(|look| 2 + 5 * (look % 8)), 3), NEVER);
    }

    #[test]
    fn a_suspect_that_drains_is_none_any_more() {
        let drains = (1..=9).chain([4, 3, 2, 1, 1]);
        assert_eq!(for_ever(drains), (3..9).collect::<Vec<_>>());
    }

    #[test]
    fn a_name_whose_older_tasks_end_is_none() {
        assert_eq!(suspect_at(1..=20, 3), NEVER);
    }

    #[test]
    fn few_survivors_make_no_suspect_and_do_not_unmake_one_at_once() {
        let mut rise = Rise::beginning(High {
            born_by: 0,
            live: 8,
            look: 0,
        });
        for look in 1..4 {
            rise.see(
                High {
                    born_by: look,
                    live: 8 + look as usize,
                    look,
                },
                OVER,
            );
        }
        for (survivors, is_suspect) in [
            (3, false),
            (4, true),
            (3, true),
            (2, true),
            (1, false),
            (3, false),
        ] {
            let judged = rise.judge(OVER, Ends::default(), |_| survivors);
            assert_eq!(judged.is_some(), is_suspect, "{survivors}");
        }
    }
}
