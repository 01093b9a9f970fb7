//! The facts, so that a look at any of them takes no search: there are thousands of tasks.

use super::{Facts, Hold, NO_TASK, Owner, ReadWriteLock, Room, Shared, Source};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

pub(super) struct Index<'a> {
    /// The tasks' numbers by their headers.
    pub(super) ids: HashMap<u64, u64>,
    /// The lists that the tasks are in, likewise.
    lists: HashMap<u64, u64>,
    /// Where each task's wakers lie.
    sources: HashMap<u64, HashSet<Source>>,
    shared: HashMap<u64, &'a Shared>,
    owned: HashMap<u64, Vec<Owner>>,
    weak: HashMap<u64, Vec<Owner>>,
    holds: HashMap<Hold, Vec<Owner>>,
    rooms: Places<&'a Room>,
    memory: Places<Owner>,
    sets: HashMap<u64, &'a [u64]>,
    joins: HashSet<(u64, u64)>,
    /// Read-write locks by their semaphores: how many permits there are, and how many of them are found or free.
    locks: HashMap<u64, (u64, u64)>,
}

impl<'a> Index<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        let counts = Counts::of(facts);
        let mut sources: HashMap<u64, HashSet<Source>> = HashMap::new();
        for (header, source) in &facts.sources {
            let source = counts.in_one(*source);
            sources.entry(*header).or_default().insert(source);
        }
        let lists = facts.tasks.iter();
        let tasks = facts.tasks.iter();
        let shared = facts.shared.iter();
        let rooms = facts.rooms.iter();
        let memory = facts.memory.iter();
        // Of several with one address the first is what was found.
        let sets = facts.sets.iter().rev();
        Self {
            ids: tasks
                .filter(|task| task.id != NO_TASK)
                .map(|task| (task.header, task.id))
                .collect(),
            lists: lists
                .filter_map(|task| Some((task.header, task.list?)))
                .collect(),
            sources,
            shared: shared.map(|shared| (shared.address, shared)).collect(),
            owned: grouped(facts.owned.iter().map(|(owner, of)| (*of, *owner))),
            weak: grouped(facts.weak.iter().map(|(owner, of)| (*of, *owner))),
            holds: grouped(facts.holds.iter().map(|(owner, hold)| (*hold, *owner))),
            rooms: Places::of(rooms.map(|room| (room.at.clone(), room))),
            memory: Places::of(memory.map(|(range, owner)| (range.clone(), *owner))),
            sets: sets
                .map(|(at, headers)| (*at, headers.as_slice()))
                .collect(),
            joins: facts.joins.iter().copied().collect(),
            locks: locks(facts),
        }
    }

    pub(super) fn sources_of(&self, header: u64) -> impl Iterator<Item = Source> + '_ {
        self.sources.get(&header).into_iter().flatten().copied()
    }

    pub(super) fn shared(&self, address: u64) -> Option<&Shared> {
        self.shared.get(&address).copied()
    }

    /// Who has an `Arc` of it, each as often as that is there.
    pub(super) fn owned(&self, address: u64) -> &[Owner] {
        self.owned.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn weak(&self, address: u64) -> &[Owner] {
        self.weak.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn owners(&self, hold: Hold) -> &[Owner] {
        self.holds.get(&hold).map_or(&[], Vec::as_slice)
    }

    pub(super) fn room(&self, place: u64) -> Option<&Room> {
        self.rooms.around(place).next().copied()
    }

    /// Whose memory is around that place.
    pub(super) fn around(&self, place: u64) -> impl Iterator<Item = Owner> + '_ {
        self.memory.around(place).copied()
    }

    pub(super) fn joined(&self, set: u64) -> &[u64] {
        self.sets.get(&set).copied().unwrap_or_default()
    }

    /// Whether it is known who has each permit of the semaphore, if that is a read-write lock's.
    pub(super) fn has_all_permits(&self, semaphore: u64) -> bool {
        let lock = self.locks.get(&semaphore);
        lock.is_none_or(|(all, found)| found >= all)
    }

    /// Whether both tasks are certainly in the same list.
    pub(super) fn are_in_one_list(&self, one: u64, two: u64) -> bool {
        let list = self.lists.get(&one);
        list.is_some() && list == self.lists.get(&two)
    }

    /// Whether that task certainly has the other's `JoinHandle` for itself.
    pub(super) fn has_handle(&self, task: u64, of: u64) -> bool {
        self.joins.contains(&(task, of))
    }
}

/// How many senders each channel has. Of a channel that was found in several tasks the counts may differ, since the
/// tasks are read one after the other: its one waker must not count as several for that.
struct Counts(HashMap<u64, (u64, u64)>);

impl Counts {
    fn of(facts: &Facts) -> Self {
        let mut counts: HashMap<u64, (u64, u64)> = HashMap::new();
        for (_, source) in &facts.sources {
            if let Source::Message {
                channel,
                senders,
                weak,
            } = source
            {
                // Whoever had one may have it still.
                let most = counts.entry(*channel).or_default();
                *most = (most.0.max(*senders), most.1.max(*weak));
            }
        }
        Self(counts)
    }

    fn in_one(&self, source: Source) -> Source {
        match source {
            Source::Message { channel, .. } => {
                let (senders, weak) = self.0.get(&channel).copied().unwrap_or_default();
                Source::Message {
                    channel,
                    senders,
                    weak,
                }
            }
            source => source,
        }
    }
}

fn locks(facts: &Facts) -> HashMap<u64, (u64, u64)> {
    let mut locks: HashMap<u64, (Option<u64>, u64)> = HashMap::new();
    for lock in &facts.locks {
        // Read at several moments: what was free at one of them may have been taken since.
        let (all, free) = locks.entry(lock.semaphore).or_insert((lock.all, lock.free));
        *all = (*all).max(lock.all);
        *free = (*free).min(lock.free);
    }
    let with_found = |(semaphore, (all, free)): (u64, (Option<u64>, u64))| {
        let permits = facts.permits.iter().filter(|(of, _)| *of == semaphore);
        let found = permits.fold(free, |sum, (_, permits)| sum.saturating_add(*permits));
        (semaphore, (all.unwrap_or(ReadWriteLock::USUAL), found))
    };
    locks.into_iter().map(with_found).collect()
}

fn grouped<K: std::hash::Hash + Eq, V>(all: impl Iterator<Item = (K, V)>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in all {
        groups.entry(key).or_default().push(value);
    }
    groups
}

/// What is known of ranges of memory.
struct Places<T> {
    /// By where each begins.
    all: Vec<(Range<u64>, T)>,
    /// The length of the longest: none that begins further before a place reaches it.
    longest: u64,
}

impl<T> Places<T> {
    fn of(all: impl Iterator<Item = (Range<u64>, T)>) -> Self {
        let mut all: Vec<_> = all.collect();
        // Stable: of those with one beginning, the first comes first.
        all.sort_by_key(|(range, _)| range.start);
        let lengths = all.iter().map(|(range, _)| range.end - range.start);
        let longest = lengths.max().unwrap_or(0);
        Self { all, longest }
    }

    fn around(&self, place: u64) -> impl Iterator<Item = &T> {
        let end = self.all.partition_point(|(range, _)| range.start <= place);
        let first = place.saturating_sub(self.longest);
        let start = self.all.partition_point(|(range, _)| range.start < first);
        let near = self.all[start..end].iter();
        near.filter(move |(range, _)| range.contains(&place))
            .map(|(_, of)| of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ranges_around_a_place_are_found() {
        let ranges = [(0_u64..100), (10..20), (15..16), (15..30), (40..50)];
        let places = Places::of(ranges.into_iter().zip(0..));
        let around = |place| places.around(place).copied().collect::<Vec<_>>();
        assert_eq!(around(15), [0, 1, 2, 3]);
        assert_eq!(around(16), [0, 1, 3]);
        assert_eq!(around(45), [0, 4]);
        assert_eq!(around(99), [0]);
        assert_eq!(around(100), [0; 0]);
    }
}
