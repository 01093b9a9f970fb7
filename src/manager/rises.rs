//! The rise of one name's live count, seen by looks close together and further apart.

use super::rise::{Ends, High, Rise};

/// How many looks are one step of each of the rises: with a snapshot every ten seconds ten seconds, a
/// minute, six minutes, 36 minutes.
pub(super) const STEPS: [u64; 4] = [1, 6, 36, 216];

/// A name's [`Rise`] at each of the steps: what leaks faster than one task a few looks is found by the
/// first, what leaks slower by one of the others, which have as much more patience. So is what leaks
/// beside tasks that live for some looks: they do not last for a longer step.
///
/// Of the looks of a longer step, the one with the fewest tasks counts, so bursts and sawtooths that
/// happen to be looked at when they are high make no rise.
pub(super) struct Rises([Stepped; STEPS.len()]);

struct Stepped {
    rise: Rise,
    /// What was seen at the last look.
    last: High,
    /// How tasks of the name end.
    ends: Ends,
    /// That of fewest tasks since the last step.
    lowest: Option<High>,
}

impl Stepped {
    fn beginning(seen: High) -> Self {
        Self {
            rise: Rise::beginning(seen),
            last: seen,
            ends: Ends::default(),
            lowest: None,
        }
    }
}

/// One look at one name.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    /// Counts the looks of the watch.
    pub(super) look: u64,
    /// For each of the steps: who was spawned by then, on the registry's clock, has lasted for one; and how
    /// many these are.
    pub(super) lasting: [(u64, usize); STEPS.len()],
}

impl Seen {
    /// As each of the rises sees it, which count steps.
    fn highs(self) -> impl Iterator<Item = (u64, High)> {
        let lasting = STEPS.into_iter().zip(self.lasting);
        lasting.map(move |(step, (born_by, live))| {
            let look = self.look / step;
            (
                step,
                High {
                    born_by,
                    live,
                    look,
                },
            )
        })
    }
}

/// That a name is suspect.
pub(super) struct Found {
    /// The numbers of lasting tasks by which it was found, oldest first.
    pub(super) counts: Vec<usize>,
    /// How many of the tasks of the first of them are left.
    pub(super) survivors: usize,
}

impl Rises {
    pub(super) fn beginning(seen: Seen) -> Self {
        let mut highs = seen.highs();
        Self(STEPS.map(|_| {
            let (_, high) = highs.next().expect("there is one for each step");
            Stepped::beginning(high)
        }))
    }

    /// The name is looked at once more; `over` is how many highs the watch has, and `survivors` counts the tasks
    /// of a high that have not ended.
    pub(super) fn see(&mut self, seen: Seen, over: usize, survivors: impl Fn(&High) -> usize) {
        for ((step, here), stepped) in seen.highs().zip(&mut self.0) {
            let last = std::mem::replace(&mut stepped.last, here);
            let ends = Ends::between(last.live, survivors(&last));
            stepped.ends.add_and_forget(ends);
            stepped.rise.see_ends(ends);
            let lowest = match stepped.lowest.take() {
                Some(lowest) if lowest.live <= here.live => lowest,
                _ => here,
            };
            if seen.look.is_multiple_of(step) {
                let look = here.look;
                stepped.rise.see(High { look, ..lowest }, over);
            } else if stepped.rise.has_fallen_to(here.live) {
                stepped.rise = Rise::beginning(here);
                stepped.lowest = None;
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
        for Stepped { rise, ends, .. } in &mut self.0 {
            let survivors = rise.judge(over, *ends, &survivors);
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

    /// At which looks the name of these tasks is suspect, each of which is alive from one look on and no
    /// more at another.
    fn suspect_at_looks(tasks: &[(u64, u64)], looks: u64) -> Vec<u64> {
        let mut tasks = tasks.to_vec();
        tasks.sort_unstable();
        let mut tasks = tasks.into_iter().peekable();
        let mut live: Vec<(u64, u64)> = Vec::new();
        let mut rises: Option<Rises> = None;
        let mut suspect = Vec::new();
        for look in 1..=looks {
            live.extend(std::iter::from_fn(|| tasks.next_if(|task| task.0 <= look)));
            live.retain(|task| look < task.1);
            let alive = |born_by| live.partition_point(|task| task.0 <= born_by);
            let seen = Seen {
                look,
                lasting: STEPS.map(|step| match look.checked_sub(step) {
                    None | Some(0) => (0, 0),
                    Some(born_by) => (born_by, alive(born_by)),
                }),
            };
            match &mut rises {
                None => rises = Some(Rises::beginning(seen)),
                Some(rises) => rises.see(seen, OVER, |last| alive(last.born_by)),
            }
            let found = rises.as_mut().unwrap();
            if found.judge(OVER, |first| alive(first.born_by)).is_some() {
                suspect.push(look);
            }
        }
        suspect
    }

    /// At which looks a name with these live counts is suspect. Each task lives for so many looks at most;
    /// where the count falls earlier, the latest end.
    fn suspect_at(counts: impl IntoIterator<Item = usize>, lives_for: u64) -> Vec<u64> {
        let mut ended = Vec::new();
        let mut alive: std::collections::VecDeque<u64> = Default::default();
        let mut last = 0;
        for (look, live) in (1..).zip(counts) {
            while alive.front().is_some_and(|born| look - born >= lives_for) {
                ended.extend(alive.pop_front().map(|born| (born, look)));
            }
            while alive.len() > live {
                ended.extend(alive.pop_back().map(|born| (born, look)));
            }
            alive.resize(live, look);
            last = look;
        }
        ended.extend(alive.into_iter().map(|born| (born, u64::MAX)));
        suspect_at_looks(&ended, last)
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

    /// `traffic` tasks are alive at each look, each for `lives_for` looks, and each `every` looks one that
    /// stays begins.
    fn beside_traffic(traffic: u64, lives_for: u64, every: Option<u64>) -> Vec<(u64, u64)> {
        const LOOKS: u64 = 600;
        // Those of before the first look are seen at it.
        let begin = (0..LOOKS + lives_for).flat_map(|time| {
            let begin = (0..traffic).filter(move |number| (time + number) % lives_for == 0);
            let born = (time + 1).saturating_sub(lives_for).max(1);
            begin.map(move |_| (born, time + 1))
        });
        let leaked = every.into_iter().flat_map(|every| {
            let looks = (1..=LOOKS).filter(move |look| look % every == 0);
            looks.map(|look| (look, u64::MAX))
        });
        begin.chain(leaked).collect()
    }

    #[test]
    fn a_leak_beside_traffic_of_its_name_is_found_long_before_it_outgrows_it() {
        for (lives_for, at) in [(1, 7), (3, 48), (6, 48), (20, 288)] {
            for traffic in [1, 40, 400] {
                let tasks = beside_traffic(traffic, lives_for, Some(1));
                let found = suspect_at_looks(&tasks, 600);
                let first = *found
                    .first()
                    .unwrap_or_else(|| panic!("{traffic} of {lives_for}: not found"));
                assert!(first <= at, "{traffic} of {lives_for}: {first}");
                assert_eq!(found, (first..=600).collect::<Vec<_>>());
                let tasks = beside_traffic(traffic, lives_for, None);
                assert_eq!(suspect_at_looks(&tasks, 600), NEVER, "{lives_for}");
            }
        }
    }

    /// Tasks come and end by chance, so that their number has highs now and then: so many a look, which live for
    /// so many looks. As many as ever are there when the first look is taken.
    fn by_chance(come: f64, live_for: f64, looks: u64, seed: u64) -> Vec<(u64, u64)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut after = move |mean: f64| -(1.0 - random.f64()).ln() * mean;
        let mut tasks = Vec::new();
        let mut now = -8.0 * live_for;
        while now < looks as f64 {
            now += after(1.0 / come);
            let ends = now + after(live_for);
            if ends > 1.0 {
                tasks.push((now.ceil().max(1.0) as u64, ends.ceil() as u64));
            }
        }
        tasks
    }

    #[test]
    fn traffic_by_chance_is_hardly_ever_suspect() {
        const LOOKS: u64 = 2000;
        let traffic = [
            (50.0, 0.5),
            (50.0, 1.5),
            (20.0, 5.0),
            (1.0, 3.0),
            (5.0, 20.0),
            (2.0, 50.0),
            (0.2, 50.0),
            (1.0, 400.0),
        ];
        for (come, live_for) in traffic {
            let found = (0..4).map(|seed| {
                let tasks = by_chance(come, live_for, LOOKS, seed);
                suspect_at_looks(&tasks, LOOKS).len()
            });
            let found: usize = found.sum();
            assert!(
                found * 100 <= 4 * LOOKS as usize,
                "{come}, {live_for}: {found}"
            );
        }
    }

    #[test]
    fn a_leak_beside_traffic_by_chance_is_found() {
        const LOOKS: u64 = 4000;
        const BEGINS: u64 = 500;
        // So many come a look, which live for so many; one stays each so many looks, and is found so many later.
        let leaks = [
            (20.0, 5.0, 1, 300),
            (5.0, 20.0, 1, 300),
            (5.0, 20.0, 10, 1800),
            (2.0, 50.0, 1, 300),
            (2.0, 50.0, 10, 1800),
            (0.2, 50.0, 10, 700),
            (1.0, 400.0, 4, 600),
        ];
        for (come, live_for, every, by) in leaks {
            for seed in 0..3 {
                let mut tasks = by_chance(come, live_for, LOOKS, seed);
                tasks.extend((BEGINS..LOOKS).step_by(every).map(|look| (look, u64::MAX)));
                let mut found = suspect_at_looks(&tasks, LOOKS);
                found.retain(|look| *look > BEGINS);
                let first = *found.first().expect("it is found");
                assert!(first <= BEGINS + by, "{come}, {live_for}, {every}: {first}");
                assert_eq!(found, (first..=LOOKS).collect::<Vec<_>>());
            }
        }
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
