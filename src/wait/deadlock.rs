//! Tasks that wait for each other.
//!
//! A parked task goes on only if one of its wakers is used. Where as many wakers of it are found in channels, locks and
//! tasks as there are, it is known at what it waits; and who keeps the other half of that, by what was found in the
//! other tasks. Those that only each other could wake are in a deadlock.
//!
//! That is likely and no proof: a compiler keeps room across an `.await` for a variable that was borrowed before, even
//! when it has been moved out since, and its debug info does not tell the two apart. So a task that seems to keep a guard
//! may have given it to a thread.

use std::collections::{HashMap, HashSet};

/// Something that others may wait for, by its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(dead_code, reason = "where there is no census, nobody finds one")]
pub(crate) enum Hold {
    /// One sender of a channel.
    Sender(u64),
    /// The receiver of a channel.
    Receiver(u64),
    /// The sender of a oneshot channel.
    OneshotSender(u64),
    /// Permits of a semaphore, or guards of a lock, which is one.
    Permits { semaphore: u64, count: u64 },
}

/// Where a waker lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(dead_code, reason = "where there is no census, nobody finds one")]
pub(crate) enum Source {
    /// In a channel: it is used when a message comes or the last of its senders goes.
    Message { channel: u64, senders: u64 },
    /// In a oneshot channel.
    Oneshot(u64),
    /// In the queue of a semaphore or of a `Notify`.
    Queue(u64),
    /// In a task, for its end: that task's header.
    End(u64),
}

/// What was found of a parked task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Of its header.
    pub(crate) header: u64,
    /// The number behind [`tokio::task::Id`].
    pub(crate) id: u64,
    /// How many wakers and abort handles of it there are.
    pub(crate) holders: usize,
    pub(crate) holds: Vec<Hold>,
    /// The semaphores that are bounded channels' room, what notifies of the receivers' end, and these channels.
    pub(crate) rooms: Vec<(u64, u64)>,
    /// Wakers that were found by this task, of whichever task: its header's address.
    pub(crate) sources: Vec<(u64, Source)>,
}

/// What an owner has of what another task waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum OtherHalf {
    /// A sender of the channel.
    Sender,
    /// The receiver of the channel.
    Receiver,
    /// A guard of the lock, or permits of the semaphore.
    Permits,
    /// It is the awaited task itself.
    Task,
}

impl OtherHalf {
    /// A short name for machines: `sender`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(taskleak::OtherHalf::Sender.as_str(), "sender");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Permits => "permits",
            Self::Task => "task",
        }
    }
}

/// What came out for one task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether only tasks that are so themselves could wake it.
    pub(crate) deadlocked: bool,
    /// The tasks that have what it waits for, by their numbers.
    pub(crate) owners: Vec<(u64, OtherHalf)>,
}

/// Finds out who waits for whom, by the tasks' numbers.
pub(crate) fn solve(facts: &[Facts]) -> HashMap<u64, Finding> {
    let graph = Graph::of(facts);
    let mut dead: HashSet<usize> = (0..facts.len())
        .filter(|task| graph.is_all_known(*task))
        .collect();
    // Who can be woken by somebody else is taken out, until nobody is.
    loop {
        let alive: Vec<usize> = dead
            .iter()
            .copied()
            .filter(|task| {
                let mut sources = graph.sources[*task].iter();
                sources.any(|source| !graph.is_kept_by(*source, &dead))
            })
            .collect();
        if alive.is_empty() {
            break;
        }
        dead.retain(|task| !alive.contains(task));
    }
    let finding = |task: usize| {
        let mut owners: Vec<_> = graph.sources[task]
            .iter()
            .flat_map(|source| graph.surely_named(*source))
            .map(|(owner, half)| (facts[owner].id, half))
            .collect();
        owners.sort_unstable();
        owners.dedup();
        Finding {
            // One that has no waker at all is an orphan.
            deadlocked: dead.contains(&task) && !graph.sources[task].is_empty(),
            owners,
        }
    };
    (0..facts.len())
        .map(|task| (facts[task].id, finding(task)))
        .collect()
}

struct Graph<'a> {
    facts: &'a [Facts],
    by_header: HashMap<u64, usize>,
    /// The channel whose receiver makes room or ends, by where that is waited for.
    rooms: HashMap<u64, u64>,
    /// Where each task's wakers lie.
    sources: Vec<HashSet<Source>>,
}

impl<'a> Graph<'a> {
    fn of(facts: &'a [Facts]) -> Self {
        let by_header: HashMap<_, _> = facts
            .iter()
            .enumerate()
            .map(|(task, facts)| (facts.header, task))
            .collect();
        let mut sources = vec![HashSet::new(); facts.len()];
        for (header, source) in facts.iter().flat_map(|facts| &facts.sources) {
            if let Some(task) = by_header.get(header) {
                sources[*task].insert(*source);
            }
        }
        Self {
            facts,
            by_header,
            rooms: facts
                .iter()
                .flat_map(|facts| &facts.rooms)
                .copied()
                .collect(),
            sources,
        }
    }

    /// Whether all that can wake the task is known.
    fn is_all_known(&self, task: usize) -> bool {
        self.facts[task].holders == self.sources[task].len()
    }

    /// Who has what it takes, each as often as it does.
    fn owners(&self, source: Source) -> Vec<(usize, OtherHalf)> {
        let holding = |is_meant: &dyn Fn(Hold) -> bool, half| {
            let all = self.facts.iter().enumerate();
            all.flat_map(|(task, facts)| {
                let held = facts.holds.iter().filter(|hold| is_meant(**hold));
                held.map(move |_| (task, half))
            })
            .collect()
        };
        match source {
            Source::Message { channel, .. } => {
                holding(&|hold| hold == Hold::Sender(channel), OtherHalf::Sender)
            }
            Source::Oneshot(channel) => holding(
                &|hold| hold == Hold::OneshotSender(channel),
                OtherHalf::Sender,
            ),
            Source::Queue(semaphore) => match self.rooms.get(&semaphore) {
                Some(channel) => holding(
                    &|hold| hold == Hold::Receiver(*channel),
                    OtherHalf::Receiver,
                ),
                None => holding(
                    &|hold| matches!(hold, Hold::Permits { semaphore: of, .. } if of == semaphore),
                    OtherHalf::Permits,
                ),
            },
            Source::End(header) => {
                let task = self.by_header.get(&header);
                task.map(|task| (*task, OtherHalf::Task))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The same, but nobody where more seem to have it than there are, and who does is not clear.
    fn surely_named(&self, source: Source) -> Vec<(usize, OtherHalf)> {
        let owners = self.owners(source);
        let is_one = owners.iter().all(|owner| *owner == owners[0]);
        match source {
            Source::Message { senders, .. } if owners.len() as u64 > senders && !is_one => {
                Vec::new()
            }
            _ => owners,
        }
    }

    /// Whether all of it, as far as can be told, is with these tasks.
    fn is_kept_by(&self, source: Source, tasks: &HashSet<usize>) -> bool {
        let owners = self.owners(source);
        let with_them = owners
            .iter()
            .filter(|(owner, _)| tasks.contains(owner))
            .count();
        match source {
            // A place that was moved out of may be among those that were found, but none is missing.
            Source::Message { senders, .. } => with_them as u64 >= senders.max(1),
            _ => with_them > 0 && with_them == owners.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u64, holders: usize, holds: &[Hold], sources: &[(u64, Source)]) -> Facts {
        Facts {
            header: id * 100,
            id,
            holders,
            holds: holds.to_vec(),
            rooms: Vec::new(),
            sources: sources.to_vec(),
        }
    }

    fn lock(semaphore: u64) -> Hold {
        Hold::Permits {
            semaphore,
            count: 1,
        }
    }

    fn deadlocked(facts: &[Facts]) -> Vec<u64> {
        let found = solve(facts);
        let mut tasks: Vec<_> = found
            .into_iter()
            .filter(|(_, finding)| finding.deadlocked)
            .map(|(task, _)| task)
            .collect();
        tasks.sort_unstable();
        tasks
    }

    #[test]
    fn an_orphan_is_in_no_deadlock_but_who_waits_for_it_is_stuck() {
        let facts = [
            task(1, 0, &[lock(7)], &[]),
            task(2, 1, &[], &[(200, Source::Queue(7))]),
        ];
        assert_eq!(deadlocked(&facts), [2]);
    }

    #[test]
    fn two_locks_in_both_orders() {
        let facts = [
            task(1, 1, &[lock(7)], &[(100, Source::Queue(8))]),
            task(2, 1, &[lock(8)], &[(200, Source::Queue(7))]),
            task(3, 1, &[], &[(300, Source::End(100))]),
        ];
        assert_eq!(deadlocked(&facts), [1, 2, 3]);
        let owners = &solve(&facts)[&1].owners;
        assert_eq!(owners, &[(2, OtherHalf::Permits)]);
        assert_eq!(solve(&facts)[&3].owners, [(1, OtherHalf::Task)]);
    }

    #[test]
    fn who_waits_for_something_else_too_can_be_helped() {
        let facts = [
            task(1, 2, &[lock(7)], &[(100, Source::Queue(8))]),
            task(2, 1, &[lock(8)], &[(200, Source::Queue(7))]),
        ];
        assert!(deadlocked(&facts).is_empty());
        assert_eq!(solve(&facts)[&2].owners, [(1, OtherHalf::Permits)]);
    }

    #[test]
    fn every_sender_must_be_known() {
        let message = |senders| Source::Message {
            channel: 9,
            senders,
        };
        let facts = |senders| [task(1, 1, &[Hold::Sender(9)], &[(100, message(senders))])];
        assert_eq!(deadlocked(&facts(1)), [1]);
        assert!(deadlocked(&facts(2)).is_empty());
    }

    #[test]
    fn of_more_senders_than_there_are_none_is_named() {
        let message = Source::Message {
            channel: 9,
            senders: 1,
        };
        let sender = [Hold::Sender(9)];
        let facts = [
            task(1, 1, &sender, &[(100, message)]),
            task(2, 0, &sender, &[]),
        ];
        assert!(solve(&facts)[&1].owners.is_empty());
        assert_eq!(solve(&facts[..1])[&1].owners, [(1, OtherHalf::Sender)]);
    }

    #[test]
    fn a_guard_that_nobody_was_seen_to_have_may_come_back() {
        assert!(deadlocked(&[task(1, 1, &[], &[(100, Source::Queue(8))])]).is_empty());
    }

    #[test]
    fn a_sender_waits_for_the_receiver() {
        let mut facts = [
            task(1, 1, &[lock(8)], &[(100, Source::Queue(9))]),
            task(2, 1, &[Hold::Receiver(5)], &[(200, Source::Queue(8))]),
        ];
        facts[0].rooms.push((9, 5));
        assert_eq!(deadlocked(&facts), [1, 2]);
        // It gets something from elsewhere, and then takes what is in the channel.
        facts[1].holders = 2;
        assert!(deadlocked(&facts).is_empty());
    }
}
