//! What each of a runtime's tasks keeps and waits at.

use super::super::dwarf::DebugInfo;
use super::super::future::{Reader, Snapshot, Value};
use super::super::tasks::{Listed, RuntimeLayout, state_of};
use super::super::SeenState;
use super::find::find;
use super::known::waker_in;
use crate::wait::deadlock::Facts;
use crate::wait::schedule_of;
use std::collections::HashMap;

/// More tasks than this are not looked into.
const MOST_TASKS: usize = 256;
/// How often a task is read anew when it moved meanwhile.
const TRIES: usize = 4;

/// What could be read of the tasks. None if there are too many of them.
pub(in crate::census) fn holdings(
    debug: &mut DebugInfo,
    runtime: &RuntimeLayout,
    tasks: &[Listed],
) -> Option<Vec<Facts>> {
    if tasks.len() > MOST_TASKS {
        return None;
    }
    let by_address: HashMap<u64, &Listed> = tasks.iter().map(|task| (task.address, task)).collect();
    Some(
        tasks
            .iter()
            .filter_map(|task| {
                (0..TRIES).find_map(|_| {
                    let mut memory = Snapshot::default();
                    let facts = read(debug, runtime, task, &by_address, &mut memory);
                    memory.still_holds().then_some(facts)
                })?
            })
            .collect(),
    )
}

fn read(
    debug: &mut DebugInfo,
    runtime: &RuntimeLayout,
    task: &Listed,
    all: &HashMap<u64, &Listed>,
    memory: &mut Snapshot,
) -> Option<Facts> {
    let layout = task.layout.future.as_ref()?;
    memory.bytes(task.address, layout.cell_size)?;
    let word = memory.number(task.address.checked_add(runtime.state())?, 8)?;
    if state_of(word, runtime.kind) != SeenState::Parked {
        return None;
    }
    let reader = &mut Reader { debug, memory };
    let stage = Value {
        ty: layout.stage_type,
        address: task.address.checked_add(layout.stage)?,
    };
    if reader.variant(stage)?.field.name != "Running" {
        return None;
    }
    let (_, future) = reader.parts(stage).into_iter().next()?;
    let mut facts = Facts {
        header: task.address,
        id: task.id,
        holders: schedule_of(word as usize, runtime.kind)?.holders,
        ..Facts::default()
    };
    for (known, value) in find(reader, future) {
        facts.holds.extend(known.hold(reader, value));
        facts.rooms.extend(known.rooms(reader, value));
        let waker_of = |reader: &mut Reader<'_>, header: u64| {
            let (offset, trailer) = all.get(&header)?.layout.future.as_ref()?.trailer;
            let trailer = Value {
                ty: trailer,
                address: header.checked_add(offset)?,
            };
            let waker = reader.field(trailer, "waker")?;
            waker_in(reader, waker, 0)
        };
        facts.sources.extend(known.source(reader, value, waker_of));
    }
    Some(facts)
}
