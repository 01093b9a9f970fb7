//! Walking a runtime's list of tasks while it may be changing.

use super::super::dwarf::DebugInfo;
use super::super::memory;
use super::cell::{CellLayout, Cells};
use super::runtime::RuntimeLayout;

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
/// More tasks than this are not listed.
const MOST_TASKS: usize = 1 << 20;

/// The tasks in a runtime's list, and whether all of the list could be read.
pub(in crate::census) fn listed(
    debug: &mut DebugInfo,
    cells: &mut Cells,
    runtime: &RuntimeLayout,
) -> (Vec<Listed>, bool) {
    let mut all = true;
    let mut found = Vec::new();
    for head in &runtime.heads {
        let mut lasting: Option<Vec<Listed>> = None;
        for _ in 0..WALKS {
            let (mut shard, complete) = walk_surely(debug, cells, runtime, *head);
            all &= complete;
            shard.sort_unstable_by_key(|task| (task.address, task.id));
            lasting = Some(match lasting {
                None => shard,
                Some(mut before) => {
                    before.retain(|task| {
                        shard
                            .binary_search_by_key(&(task.address, task.id), |other| {
                                (other.address, other.id)
                            })
                            .is_ok()
                    });
                    before
                }
            });
        }
        found.extend(lasting.unwrap_or_default());
    }
    (found, all)
}

/// Walks one shard until it has stood still for long enough to come to its end. If it never does, what was seen most.
fn walk_surely(
    debug: &mut DebugInfo,
    cells: &mut Cells,
    runtime: &RuntimeLayout,
    head: u64,
) -> (Vec<Listed>, bool) {
    let mut most = Vec::new();
    for _ in 0..TRIES {
        let mut seen = Vec::new();
        if walk(debug, cells, runtime, head, &mut seen).is_some() {
            return (seen, true);
        }
        if seen.len() > most.len() {
            most = seen;
        }
        std::thread::yield_now();
    }
    (most, false)
}

/// Walks one shard; none if a link does not hold.
fn walk(
    debug: &mut DebugInfo,
    cells: &mut Cells,
    runtime: &RuntimeLayout,
    head: u64,
    seen: &mut Vec<Listed>,
) -> Option<()> {
    let mut before = 0;
    let mut address = memory::read_word(head)?;
    while address != 0 {
        let mut header = [0; 64];
        let header = header.get_mut(..runtime.header.size as usize)?;
        if !address.is_multiple_of(8) || !memory::read(address, header) {
            return None;
        }
        let word = |at: u64| {
            let at = at as usize;
            Some(u64::from_le_bytes(header.get(at..at + 8)?.try_into().ok()?))
        };
        if word(runtime.header.owner)? != runtime.owner {
            return None;
        }
        let vtable = word(runtime.header.vtable)?;
        let layout = cells.layout(debug, &runtime.header, vtable)?;
        let [prev, next] = links(address, layout)?;
        let id = memory::read_word(address.checked_add(layout.id)?)?;
        if prev != before || id == 0 || seen.len() >= MOST_TASKS {
            return None;
        }
        seen.push(Listed {
            address,
            id,
            layout,
        });
        before = address;
        address = next;
    }
    Some(())
}

fn links(address: u64, layout: &CellLayout) -> Option<[u64; 2]> {
    let (prev, next) = (
        address.checked_add(layout.prev)?,
        address.checked_add(layout.next)?,
    );
    Some([memory::read_word(prev)?, memory::read_word(next)?])
}
