//! Finding out who waits for whom.

use super::index::Index;
use super::{Facts, Finding, NO_TASK, Owner, Source};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// What is so of each task, by its number.
pub(crate) fn solve(facts: &Facts) -> HashMap<u64, Finding> {
    let graph = Graph::of(facts);
    let stuck = graph.stuck();
    let proved = graph.proved();
    let finding = |header: u64| {
        let mut owners: Vec<_> = graph
            .sources_of(header)
            .flat_map(|source| graph.named(source))
            .filter_map(|(owner, half)| Some((*graph.index.ids.get(&owner)?, half)))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        // One that has no waker at all is an orphan.
        let waits = graph.sources_of(header).next().is_some();
        Finding {
            deadlocked: waits && stuck.contains(&Owner::Task(header)),
            proved: waits && proved.contains(&header),
            owners,
        }
    };
    let tasks = facts.tasks.iter().filter(|task| task.id != NO_TASK);
    tasks.map(|task| (task.id, finding(task.header))).collect()
}

pub(super) struct Graph<'a> {
    facts: &'a Facts,
    pub(super) index: Index<'a>,
}

impl<'a> Graph<'a> {
    fn of(facts: &'a Facts) -> Self {
        Self {
            facts,
            index: Index::of(facts),
        }
    }

    fn sources_of(&self, header: u64) -> impl Iterator<Item = Source> + '_ {
        self.index.sources_of(header)
    }

    /// The tasks of which all that can wake them is known.
    fn known(&self) -> impl Iterator<Item = u64> + '_ {
        let all = self.facts.tasks.iter();
        all.filter(|task| {
            let sources = self.sources_of(task.header).count();
            // What wakes a task in earnest takes its waker first.
            task.holders == Some(sources) && (sources > 0 || !task.is_queued)
        })
        .map(|task| task.header)
    }

    /// The tasks that are waked by nobody but these, and what is owned by nobody else.
    fn stuck(&self) -> HashSet<Owner> {
        let shared = self.facts.shared.iter();
        let shared = shared.map(|shared| Owner::Shared(shared.address));
        let all = self.known().map(Owner::Task).chain(shared).collect();
        // Who can be reached by somebody else is taken out, until nobody is.
        remaining(
            all,
            |owner| match owner {
                Owner::Task(header) => self
                    .sources_of(header)
                    .flat_map(|source| self.keepers(source))
                    .collect(),
                Owner::Shared(address) => {
                    let owners = [self.index.owned(address), self.index.weak(address)];
                    owners.concat()
                }
            },
            |owner, stuck| match owner {
                Owner::Task(header) => self
                    .sources_of(header)
                    .all(|source| self.is_kept(source, stuck)),
                Owner::Shared(address) => self.is_owned_by(address, stuck),
            },
        )
    }

    /// The tasks that nothing can wake but the ends of these, and the orphans among whom they end. Whoever else may
    /// have the awaited task's handle could abort it: so the one that joins must have it for itself. And whoever shuts
    /// the awaited task's runtime down, or drops its `LocalSet`, ends it: so that must end the one that joins too.
    fn proved(&self) -> HashSet<u64> {
        let tasks = self.facts.tasks.iter();
        let queued: HashSet<_> = tasks
            .filter(|task| task.is_queued)
            .map(|task| task.header)
            .collect();
        let end = |source| match source {
            Source::End(of) => Some(of),
            _ => None,
        };
        let all = self.known().filter(|header| !queued.contains(header));
        remaining(
            all.collect(),
            |header| self.sources_of(header).filter_map(end).collect(),
            |header, proved| {
                let mut ends = self.sources_of(header).map(end);
                let is_certain = |of: u64| {
                    proved.contains(&of)
                        && self.index.has_handle(header, of)
                        && self.index.are_in_one_list(header, of)
                };
                ends.all(|of| of.is_some_and(is_certain))
            },
        )
    }
}

/// Takes out of these what does not hold, until all that is left does: `holds` says so of one among those that are
/// left, and can come to be false for it only if one is taken out that `depends` tells. Looks at each once, and again
/// only then.
fn remaining<T: Copy + Eq + Hash>(
    mut all: HashSet<T>,
    depends: impl Fn(T) -> Vec<T>,
    holds: impl Fn(T, &HashSet<T>) -> bool,
) -> HashSet<T> {
    let mut dependents: HashMap<T, Vec<T>> = HashMap::new();
    for one in &all {
        for on in depends(*one) {
            dependents.entry(on).or_default().push(*one);
        }
    }
    let mut next: Vec<T> = all.iter().copied().collect();
    while let Some(one) = next.pop() {
        if all.contains(&one) && !holds(one, &all) {
            all.remove(&one);
            next.extend(dependents.remove(&one).unwrap_or_default());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::deadlock::{Hold, OtherHalf, ReadWriteLock, Room, Shared, TaskFacts};

    const SHARED: u64 = 0x5000;

    /// A task whose header is a hundred times its number.
    fn task(facts: &mut Facts, id: u64, holders: usize, holds: &[Hold], waits: &[Source]) {
        let header = id * 100;
        facts.tasks.push(TaskFacts {
            header,
            id,
            holders: Some(holders),
            is_queued: false,
            list: Some(1),
        });
        let owner = Owner::Task(header);
        facts.holds.extend(holds.iter().map(|hold| (owner, *hold)));
        facts
            .sources
            .extend(waits.iter().map(|source| (header, *source)));
    }

    fn facts(tasks: &[(u64, usize, &[Hold], &[Source])]) -> Facts {
        let mut facts = Facts::default();
        for (id, holders, holds, waits) in tasks {
            task(&mut facts, *id, *holders, holds, waits);
        }
        facts
    }

    /// The same with something that several own.
    fn sharing(mut facts: Facts, strong: u64, weak: u64, owners: &[u64]) -> Facts {
        facts.shared.push(Shared {
            address: SHARED,
            strong,
            weak,
        });
        facts
            .memory
            .push((SHARED..SHARED + 64, Owner::Shared(SHARED)));
        let owned = owners.iter().map(|id| (Owner::Task(id * 100), SHARED));
        facts.owned.extend(owned);
        facts
    }

    fn those(facts: &Facts, is_so: fn(&Finding) -> bool) -> Vec<u64> {
        let found = solve(facts).into_iter();
        let found = found.filter(|(_, finding)| is_so(finding));
        let mut tasks: Vec<_> = found.map(|(task, _)| task).collect();
        tasks.sort_unstable();
        tasks
    }

    fn deadlocked(facts: &Facts) -> Vec<u64> {
        those(facts, |finding| finding.deadlocked)
    }

    fn message(senders: u64, weak: u64) -> Source {
        Source::Message {
            channel: 9,
            senders,
            weak,
        }
    }

    #[test]
    fn an_orphan_is_in_no_deadlock_but_who_waits_for_it_is_stuck() {
        let facts = facts(&[
            (1, 0, &[Hold::Guard(7)], &[]),
            (2, 1, &[], &[Source::Queue(7)]),
        ]);
        assert_eq!(deadlocked(&facts), [2]);
        assert!(those(&facts, |finding| finding.proved).is_empty());
    }

    #[test]
    fn two_locks_in_both_orders() {
        let facts = facts(&[
            (1, 1, &[Hold::Guard(7)], &[Source::Queue(8)]),
            (2, 1, &[Hold::Guard(8)], &[Source::Queue(7)]),
            (3, 1, &[Hold::Handle(100)], &[Source::End(100)]),
        ]);
        assert_eq!(deadlocked(&facts), [1, 2, 3]);
        assert_eq!(solve(&facts)[&1].owners, [(2, OtherHalf::Permits)]);
        assert_eq!(solve(&facts)[&3].owners, [(1, OtherHalf::Task)]);
    }

    #[test]
    fn who_waits_for_something_else_too_can_be_helped() {
        let facts = facts(&[
            (1, 2, &[Hold::Guard(7)], &[Source::Queue(8)]),
            (2, 1, &[Hold::Guard(8)], &[Source::Queue(7)]),
        ]);
        assert!(deadlocked(&facts).is_empty());
        assert_eq!(solve(&facts)[&2].owners, [(1, OtherHalf::Permits)]);
    }

    #[test]
    fn every_sender_must_be_known_and_what_can_become_one() {
        let sender: &[Hold] = &[Hold::Sender(9)];
        assert_eq!(deadlocked(&facts(&[(1, 1, sender, &[message(1, 0)])])), [1]);
        assert!(deadlocked(&facts(&[(1, 1, sender, &[message(2, 0)])])).is_empty());
        assert!(deadlocked(&facts(&[(1, 1, sender, &[message(1, 1)])])).is_empty());
    }

    /// A sender was cloned between the two looks.
    #[test]
    fn one_waker_that_was_read_twice_is_one() {
        let sender: &[Hold] = &[Hold::Sender(9)];
        let read_twice = |holders| {
            let twice = [message(1, 0), message(2, 0)];
            facts(&[(1, holders, sender, &twice), (2, 0, sender, &[])])
        };
        assert_eq!(deadlocked(&read_twice(1)), [1]);
        assert!(
            deadlocked(&read_twice(2)).is_empty(),
            "somebody has a waker"
        );
        // And no fewer senders than there were.
        let few = facts(&[(1, 1, sender, &[message(2, 0), message(1, 0)])]);
        assert!(deadlocked(&few).is_empty());
    }

    #[test]
    fn what_somebody_alive_seems_to_have_he_may_use() {
        let facts = facts(&[
            (1, 1, &[Hold::Sender(9)], &[message(1, 0)]),
            (2, 1, &[Hold::Sender(9)], &[]),
        ]);
        assert!(deadlocked(&facts).is_empty());
        assert!(
            solve(&facts)[&1].owners.is_empty(),
            "it is not clear who has it"
        );
    }

    #[test]
    fn a_guard_that_nobody_was_seen_to_have_may_come_back() {
        assert!(deadlocked(&facts(&[(1, 1, &[], &[Source::Queue(8)])])).is_empty());
    }

    #[test]
    fn permits_can_be_added_by_whoever_comes_there() {
        let pool = |place| facts(&[(1, 1, &[Hold::Permits(place)], &[Source::Queue(place)])]);
        assert!(deadlocked(&pool(7)).is_empty());
        assert_eq!(deadlocked(&sharing(pool(SHARED), 1, 1, &[1])), [1]);
    }

    #[test]
    fn a_read_write_lock_is_with_these_if_all_its_permits_are() {
        let reads = || facts(&[(1, 1, &[Hold::Guard(7)], &[Source::Queue(7)])]);
        let with = |all, free, permits: &[u64]| {
            let mut facts = reads();
            facts.locks.push(ReadWriteLock {
                semaphore: 7,
                free,
                all,
            });
            facts
                .permits
                .extend(permits.iter().map(|permits| (7, *permits)));
            deadlocked(&facts)
        };
        // Somebody who waits to write has the others.
        assert!(with(None, 0, &[1]).is_empty());
        assert!(with(Some(8), 0, &[1]).is_empty());
        assert_eq!(with(Some(8), 0, &[1, 7]), [1]);
        assert_eq!(with(Some(8), 7, &[1]), [1]);
        assert_eq!(with(None, 0, &[1, ReadWriteLock::USUAL - 1]), [1]);
    }

    #[test]
    fn what_is_shared_is_reached_by_any_owner_and_by_what_can_become_one() {
        let waiting = || facts(&[(1, 1, &[], &[Source::Queue(SHARED + 16)]), (2, 1, &[], &[])]);
        assert_eq!(deadlocked(&sharing(waiting(), 1, 1, &[1])), [1]);
        assert!(deadlocked(&sharing(waiting(), 2, 1, &[1])).is_empty());
        assert!(deadlocked(&sharing(waiting(), 2, 1, &[1, 2])).is_empty());
        assert!(deadlocked(&sharing(waiting(), 1, 2, &[1])).is_empty());
        let mut weak = sharing(waiting(), 1, 2, &[1]);
        weak.weak.push((Owner::Task(100), SHARED));
        assert_eq!(deadlocked(&weak), [1]);
    }

    #[test]
    fn a_sender_waits_for_the_receiver() {
        let mut facts = facts(&[
            (1, 1, &[Hold::Guard(8)], &[Source::Queue(9)]),
            (2, 1, &[Hold::Receiver(5)], &[Source::Queue(8)]),
        ]);
        facts.rooms.push(Room {
            at: 9..10,
            held: Hold::Receiver(5),
            count: 1,
        });
        assert_eq!(deadlocked(&facts), [1, 2]);
        // It gets something from elsewhere, and then takes what is in the channel.
        facts.tasks[1].holders = Some(2);
        assert!(deadlocked(&facts).is_empty());
    }

    #[test]
    fn a_set_ends_if_any_of_it_does() {
        let mut facts = facts(&[
            (1, 1, &[Hold::Handle(6)], &[Source::AnyEnd(6)]),
            (2, 0, &[], &[]),
            (3, 1, &[], &[]),
        ]);
        facts.sets.push((6, vec![200]));
        assert_eq!(deadlocked(&facts), [1]);
        // Who has the set too can abort all.
        let also = sharing(facts.clone(), 2, 1, &[1]);
        let mut also = Facts {
            holds: Vec::new(),
            ..also
        };
        also.holds.push((Owner::Shared(SHARED), Hold::Handle(6)));
        assert!(deadlocked(&also).is_empty());
        facts.sets[0].1.push(300);
        assert!(deadlocked(&facts).is_empty());
    }

    #[test]
    fn who_joins_what_never_ends_is_proved_never_to_run_again() {
        let proved = |facts: &Facts| those(facts, |finding| finding.proved);
        let mut facts = facts(&[
            (1, 0, &[], &[]),
            (2, 1, &[], &[Source::End(100)]),
            (3, 1, &[], &[Source::End(400)]),
            (4, 1, &[], &[Source::End(300)]),
            (5, 2, &[], &[Source::End(100)]),
        ]);
        facts.joins = vec![(200, 100), (300, 400), (400, 300), (500, 100)];
        assert_eq!(proved(&facts), [2, 3, 4]);
        // Whose runtime can go alone.
        for list in [Some(2), None] {
            let apart = |task: usize| {
                let mut facts = facts.clone();
                facts.tasks[task].list = list;
                proved(&facts)
            };
            assert_eq!(apart(0), [3, 4]);
            assert_eq!(apart(2), [2]);
        }
        facts.tasks[0].is_queued = true;
        assert_eq!(proved(&facts), [3, 4]);
        // Somebody else may have that handle.
        facts.joins.retain(|(joining, _)| *joining != 400);
        assert!(proved(&facts).is_empty());
    }

    #[test]
    fn who_has_the_handle_of_what_is_joined_can_abort_it() {
        let joining = || facts(&[(1, 0, &[], &[]), (2, 1, &[], &[Source::End(100)])]);
        let with = |facts: Facts, owner| {
            let mut facts = facts;
            facts.holds.push((owner, Hold::Handle(100)));
            deadlocked(&facts)
        };
        assert!(deadlocked(&joining()).is_empty());
        assert_eq!(with(joining(), Owner::Task(200)), [2]);
        let shared = |strong| sharing(joining(), strong, 1, &[2]);
        assert_eq!(with(shared(1), Owner::Shared(SHARED)), [2]);
        assert!(with(shared(2), Owner::Shared(SHARED)).is_empty());
    }
}
