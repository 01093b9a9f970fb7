//! Walking a runtime's list of tasks while it may be changing.

use super::super::Unavailable;
use super::super::dwarf::DebugInfo;
use super::super::memory;
use super::cell::{CellLayout, Cells};
use super::runtime::{Ends, HeaderLayout, RuntimeLayout};
use std::time::Duration;

/// One task of the list.
#[derive(Clone, Copy, Debug)]
pub(in crate::census) struct Listed {
    /// Of its header.
    pub(in crate::census) address: u64,
    pub(in crate::census) id: u64,
    pub(in crate::census) layout: &'static CellLayout,
}

/// How often the list is walked: what is in all walks was in it all the time.
const WALKS: usize = 3;
/// How often a walk of one shard is begun anew when the list changed under it.
const TRIES: usize = 200;
/// How long is waited for a thread that was taken off its processor in the middle of a change, and how often in one walk.
const NAP: Duration = Duration::from_millis(1);
const NAPS: usize = 500;
/// More tasks than this are not listed.
const MOST_TASKS: usize = 1 << 20;

impl Listed {
    /// A task that is in no list that could be walked, by its header and its number.
    pub(in crate::census) fn at(
        debug: &mut DebugInfo,
        cells: &mut Cells,
        header: &HeaderLayout,
        (address, id): (u64, u64),
    ) -> Option<Self> {
        let vtable = memory::read_word(address.checked_add(header.vtable)?)?;
        let layout = cells.layout(debug, header, vtable)?;
        let is_it = memory::read_word(address.checked_add(layout.id)?)? == id;
        is_it.then_some(Self {
            address,
            id,
            layout,
        })
    }

    /// The cell's address, and how much of it is known to be there.
    pub(in crate::census) fn cell(&self) -> (u64, usize) {
        let future = self.layout.future.as_ref();
        let length = future.map_or(0, |future| future.cell_size);
        (self.address, length as usize)
    }
}

/// The tasks in a runtime's list.
pub(in crate::census) fn listed(
    debug: &mut DebugInfo,
    cells: &mut Cells,
    runtime: &RuntimeLayout,
) -> Result<Vec<Listed>, Unavailable> {
    let mut walk = Walk::new(debug, cells, runtime);
    let mut found = Vec::new();
    for (ends, first) in runtime.lists.iter().zip(walk.all()?) {
        let mut lasting = first.tasks;
        for _ in 1..WALKS {
            if walk.holds(*ends, &lasting) == Some(true) {
                continue;
            }
            let mut again = walk.surely(*ends).unwrap_or_default().tasks;
            again.sort_unstable_by_key(Listed::key);
            lasting.retain(|task| again.binary_search_by_key(&task.key(), Listed::key).is_ok());
        }
        found.extend(lasting);
    }
    Ok(found)
}

/// The tasks that one walk of a runtime's list came by.
#[derive(Default)]
pub(in crate::census) struct Walked {
    pub(in crate::census) tasks: Vec<Listed>,
    /// Whether it came to the end, so that these are all.
    pub(in crate::census) is_whole: bool,
}

/// Walks a runtime's list.
pub(in crate::census) fn walked(
    debug: &mut DebugInfo,
    cells: &mut Cells,
    runtime: &RuntimeLayout,
) -> Result<Walked, Unavailable> {
    let mut walk = Walk::new(debug, cells, runtime);
    let shards = walk.all()?;
    Ok(Walked {
        is_whole: shards.iter().all(|shard| shard.is_whole),
        tasks: shards.into_iter().flat_map(|shard| shard.tasks).collect(),
    })
}

impl Listed {
    /// Whether its future is one that taskleak wraps around what it tracks.
    pub(in crate::census) fn is_wrapped(&self) -> bool {
        let future = self.layout.future.as_ref();
        future.is_some_and(|future| future.is_wrapped)
    }

    fn key(&self) -> (u64, u64) {
        (self.address, self.id)
    }
}

struct Walk<'a> {
    debug: &'a mut DebugInfo,
    cells: &'a mut Cells,
    runtime: &'a RuntimeLayout,
    naps: usize,
}

/// What is read of each task in passing.
struct Node {
    vtable: u64,
    owner: u64,
    prev: u64,
    next: u64,
    id: u64,
}

/// Where that is.
fn places(header: &HeaderLayout, layout: &CellLayout, address: u64) -> Option<[u64; 5]> {
    let offsets = [
        header.vtable,
        header.owner,
        layout.prev,
        layout.next,
        layout.id,
    ];
    let mut places = [0; 5];
    for (place, offset) in places.iter_mut().zip(offsets) {
        // Past the end of all memory there is no task.
        *place = address.checked_add(offset)?;
    }
    Some(places)
}

impl Node {
    fn of([vtable, owner, prev, next, id]: [u64; 5]) -> Self {
        Self {
            vtable,
            owner,
            prev,
            next,
            id,
        }
    }
}

impl<'a> Walk<'a> {
    fn new(debug: &'a mut DebugInfo, cells: &'a mut Cells, runtime: &'a RuntimeLayout) -> Self {
        Self {
            debug,
            cells,
            runtime,
            naps: NAPS,
        }
    }

    /// Walks all shards, one after the other.
    fn all(&mut self) -> Result<Vec<Walked>, Unavailable> {
        let lists = &self.runtime.lists;
        let walked: Vec<_> = lists.iter().map(|ends| self.surely(*ends)).collect();
        if walked.iter().any(Option::is_none) {
            self.cells.learn_links(self.debug)?;
        }
        let walked = lists
            .iter()
            .zip(walked)
            .map(|(ends, walked)| walked.or_else(|| self.surely(*ends)).unwrap_or_default());
        Ok(walked.collect())
    }

    /// Walks one shard until it has stood still for long enough to come to its end. If it never does, what was seen
    /// most. None if nobody knows yet how a task leads to the next one: of those that were met, none has a type that can
    /// be read.
    fn surely(&mut self, ends: Ends) -> Option<Walked> {
        let mut most = Vec::new();
        let mut came_by = None;
        let mut tries = TRIES;
        while tries > 0 {
            let mut seen = Vec::new();
            if self.once(ends, &mut seen).is_some() {
                return Some(Walked {
                    tasks: seen,
                    is_whole: true,
                });
            }
            if !self.cells.know_links() {
                return None;
            }
            // Who comes no further than before may find a change half done, by a thread that does not run just now: then
            // no number of tries helps, but time does.
            let is_stuck = came_by.replace(seen.len()) == Some(seen.len());
            if seen.len() > most.len() {
                most = seen;
            }
            if is_stuck && self.naps > 0 {
                self.naps -= 1;
                std::thread::sleep(NAP);
            } else {
                tries -= 1;
                std::thread::yield_now();
            }
        }
        Some(Walked {
            tasks: most,
            is_whole: false,
        })
    }

    /// Walks one shard; none if a link does not hold.
    fn once(&mut self, ends: Ends, seen: &mut Vec<Listed>) -> Option<()> {
        let header = &self.runtime.header;
        let mut before = 0;
        let mut address = memory::read_word(ends.head)?;
        // Neighbours are most often of one kind: then one read will do.
        let mut last: Option<(u64, &'static CellLayout)> = None;
        while address != 0 {
            if !address.is_multiple_of(8) || seen.len() >= MOST_TASKS {
                return None;
            }
            let guessed = match last {
                Some((vtable, layout)) => memory::read_words(places(header, layout, address)?)
                    .map(Node::of)
                    .filter(|node| node.vtable == vtable)
                    .map(|node| (node, layout)),
                None => None,
            };
            let (node, layout) = match guessed {
                Some(guessed) => guessed,
                None => {
                    let vtable = memory::read_word(address.checked_add(header.vtable)?)?;
                    let layout = self.cells.layout(self.debug, header, vtable)?;
                    let node = Node::of(memory::read_words(places(header, layout, address)?)?);
                    if node.vtable != vtable {
                        return None;
                    }
                    (node, layout)
                }
            };
            if node.owner != self.runtime.owner || node.prev != before || node.id == 0 {
                return None;
            }
            seen.push(Listed {
                address,
                id: node.id,
                layout,
            });
            last = Some((node.vtable, layout));
            before = address;
            address = node.next;
        }
        // A task that has just left the list has no neighbours, and looks like the end of it.
        (memory::read_word(ends.tail)? == before).then_some(())
    }

    /// Whether a shard is linked just as it was when it was walked: another walk, but in few reads.
    fn holds(&self, ends: Ends, seen: &[Listed]) -> Option<bool> {
        let mut parts = vec![(ends.head, 8), (ends.tail, 8)];
        for task in seen {
            let places = places(&self.runtime.header, task.layout, task.address)?;
            parts.extend(places.map(|place| (place, 8)));
        }
        let bytes = memory::read_parts(&parts)?;
        let (words, _) = bytes.as_chunks::<8>();
        let ([head, tail], nodes) = words.split_first_chunk()?;
        let mut next = u64::from_ne_bytes(*head);
        let mut before = 0;
        let (nodes, _) = nodes.as_chunks::<5>();
        for (task, node) in seen.iter().zip(nodes) {
            let node = Node::of(node.map(u64::from_ne_bytes));
            if next != task.address
                || node.id != task.id
                || node.prev != before
                || node.owner != self.runtime.owner
            {
                return Some(false);
            }
            before = task.address;
            next = node.next;
        }
        Some(next == 0 && before == u64::from_ne_bytes(*tail))
    }
}
