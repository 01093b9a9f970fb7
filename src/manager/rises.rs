//! The rise of one name's live count, seen by looks close together and further apart.

use super::rise::{High, Rise};

/// How many looks are one step of each of the rises: with a snapshot every ten seconds ten seconds, a
/// minute, six minutes.
const STEPS: [u64; 3] = [1, 6, 36];

/// A name's [`Rise`] at each of the steps: what leaks faster than one task a few looks is found by the
/// first, what leaks slower by one of the others, which have as much more patience.
///
/// Of the looks of a longer step, the one with the fewest tasks counts, so bursts and sawtooths that
/// happen to be looked at when they are high make no rise.
pub(super) struct Rises([Stepped; STEPS.len()]);

struct Stepped {
    rise: Rise,
    /// That of fewest tasks since the last step.
    lowest: Option<High>,
}

impl Stepped {
    fn beginning(seen: High) -> Self {
        Self {
            rise: Rise::beginning(seen),
            lowest: None,
        }
    }
}

/// That a name is suspect.
pub(super) struct Found {
    /// The live counts by which it was found, oldest first.
    pub(super) counts: Vec<usize>,
    /// How many of the tasks of the first of them are left.
    pub(super) survivors: usize,
}

impl Rises {
    pub(super) fn beginning(seen: High) -> Self {
        Self(STEPS.map(|step| {
            Stepped::beginning(High {
                look: seen.look / step,
                ..seen
            })
        }))
    }

    /// The name is looked at once more; `over` is how many highs the watch has.
    pub(super) fn see(&mut self, seen: High, over: usize) {
        for (step, stepped) in STEPS.into_iter().zip(&mut self.0) {
            let here = High {
                look: seen.look / step,
                ..seen
            };
            let lowest = match stepped.lowest.take() {
                Some(lowest) if lowest.live <= here.live => lowest,
                _ => here,
            };
            if seen.look.is_multiple_of(step) {
                let look = here.look;
                stepped.rise.see(High { look, ..lowest }, over);
            } else if stepped.rise.has_fallen_to(here.live) {
                *stepped = Stepped::beginning(here);
            } else {
                stepped.lowest = Some(lowest);
            }
        }
    }

    /// Whether the name is suspect by any of them; `survivors` counts the tasks of a high that have not
    /// ended.
    pub(super) fn judge(
        &mut self,
        over: usize,
        survivors: impl Fn(&High) -> usize,
    ) -> Option<Found> {
        let mut found = None;
        // All are asked: each remembers whether it was suspect.
        for Stepped { rise, .. } in &mut self.0 {
            let survivors = rise.judge(over, &survivors);
            if let Some(survivors) = survivors
                && found.is_none()
            {
                found = Some(Found {
                    counts: rise.counts(),
                    survivors,
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const OVER: usize = 6;

    /// At which looks a name with these live counts is suspect; each task lives for so many looks.
    fn suspect_at(counts: impl IntoIterator<Item = usize>, lives_for: u64) -> Vec<u64> {
        let mut rises: Option<Rises> = None;
        let mut suspect = Vec::new();
        for (look, live) in (1..).zip(counts) {
            let seen = High {
                at: look,
                live,
                look,
            };
            match &mut rises {
                None => rises = Some(Rises::beginning(seen)),
                Some(rises) => rises.see(seen, OVER),
            }
            let survivors = |first: &High| {
                let is_old = look - first.at >= lives_for;
                if is_old { 0 } else { first.live.min(live) }
            };
            if rises.as_mut().unwrap().judge(OVER, survivors).is_some() {
                suspect.push(look);
            }
        }
        suspect
    }

    const FOR_EVER: u64 = u64::MAX;
    const NEVER: [u64; 0] = [];

    fn a_task_every(looks: usize) -> impl Iterator<Item = usize> {
        (0..3000).map(move |look| 10 + look / looks)
    }

    #[test]
    fn slow_leaks_are_found_and_stay_suspect() {
        for every in [1, 6, 8, 20, 36, 60, 200] {
            let found = suspect_at(a_task_every(every), FOR_EVER);
            let first = *found
                .first()
                .unwrap_or_else(|| panic!("one task every {every} looks is not found"));
            assert!(first <= 9 * every.max(6) as u64, "{every}: {first}");
            assert_eq!(found, (first..=3000).collect::<Vec<_>>(), "{every}");
        }
    }

    #[test]
    fn a_slow_leak_beside_traffic_is_found() {
        let dips = [0, 3, 1, 4, 2, 9, 0];
        let counts = a_task_every(20).enumerate();
        let counts = counts.map(|(look, leaked)| leaked + dips[look % dips.len()]);
        assert!(!suspect_at(counts, FOR_EVER).is_empty());
    }

    #[test]
    fn tasks_that_end_are_never_suspect_however_slowly_they_come() {
        assert_eq!(suspect_at(a_task_every(20), 30), NEVER);
    }

    #[test]
    fn a_pool_is_never_suspect() {
        for filled in [1, 2, 4] {
            let pool = (0..3000).map(|look| 8 * usize::min(look, filled));
            assert_eq!(suspect_at(pool, FOR_EVER), NEVER, "{filled}");
        }
        // One that took long is, no longer than it took and some steps.
        for filled in [10, 100, 500] {
            let pool = (0..3000).map(|look| usize::min(look, filled));
            let found = suspect_at(pool, FOR_EVER);
            let last = *found.last().unwrap();
            assert!(last <= 2 * filled as u64 + 4 * 36, "{filled}: {last}");
        }
    }

    /// Whatever the period has to do with the steps: looked at now and then only, some seem to rise.
    #[test]
    fn bursts_and_sawtooths_are_never_suspect() {
        for period in 2..80 {
            let teeth = || (0..3000).map(|look| 20 + look % period);
            // Of tasks that end one after the other.
            assert_eq!(suspect_at(teeth(), 4), NEVER, "{period}");
            // Beside tasks that stay; a longer tooth is a leak until it drains.
            if period < OVER {
                assert_eq!(suspect_at(teeth(), FOR_EVER), NEVER, "{period}");
            }
            let bursts = (0..3000).map(|look| if look % period == 0 { 90 } else { 20 });
            assert_eq!(suspect_at(bursts, FOR_EVER), NEVER, "{period}");
        }
    }

    #[test]
    fn a_suspect_that_drains_is_none_any_more_at_once() {
        let leaks = (0..400).map(|look| 10 + look / 20);
        let drains = leaks.chain([12; 100]);
        assert_eq!(suspect_at(drains, FOR_EVER).last(), Some(&400));
    }
}
