//! What each task keeps and waits at.

use super::super::Unavailable;
use super::super::dwarf::DebugInfo;
use super::super::future::{Reader, Snapshot, Value};
use super::super::tasks::{HeaderLayout, Listed};
use super::find::{Found, Presence, find};
use super::known::{Known, waker_in};
use crate::registry::clock::thread_time;
use crate::wait::deadlock::{Facts, Hold, NO_TASK, Owner, ReadWriteLock, Room, Source, TaskFacts};
use crate::wait::{RuntimeKind, Schedule, schedule_of};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// More tasks than this are not looked into: each takes about 0.4 ms.
const MOST_TASKS: usize = 1 << 10;
/// How long this thread may work to look into all of them.
const LONGEST: Duration = Duration::from_secs(2);
/// How long tasks are given to come to rest, all together: those that were asked what they wait for are perhaps not back
/// from that poll yet.
const PATIENCE: Duration = Duration::from_millis(10);
/// How often a task is read anew at least when it moved meanwhile.
const TRIES: usize = 4;

/// A task to be looked into, and in what kind of list it is.
pub(in crate::census) type Subject = (Listed, RuntimeKind);

/// What could be read of the tasks; or that there are too many of them, or that it takes too long.
pub(in crate::census) fn holdings(
    debug: &mut DebugInfo,
    header: &HeaderLayout,
    tasks: &[Subject],
) -> Result<Facts, Unavailable> {
    if tasks.len() > MOST_TASKS {
        return Err(Unavailable::new(format!(
            "{} tasks are alive, and of more than {MOST_TASKS} none is looked into; the test with fewer tasks tells",
            tasks.len()
        )));
    }
    let by_address: HashMap<u64, Listed> = tasks
        .iter()
        .map(|(task, _)| (task.address, *task))
        .collect();
    let begun = thread_time();
    let is_too_long = || thread_time().saturating_sub(begun) >= LONGEST;
    let deadline = Instant::now() + PATIENCE;
    let mut read: Vec<_> = tasks
        .iter()
        .take_while(|_| !is_too_long())
        .filter_map(|task| {
            for tried in 1.. {
                let mut memory = Snapshot::default();
                let found = read(debug, header, *task, &by_address, &mut memory, &is_too_long);
                // Then nobody wants it any more.
                if is_too_long() {
                    return None;
                }
                let is_final = tried >= TRIES && Instant::now() >= deadline;
                match found {
                    Ok(found) if memory.still_holds() => return Some((found, memory)),
                    Err(Unread::Never) if memory.still_holds() => return None,
                    // What was moved out of may lead to memory that is anybody's by now.
                    Ok(found) if is_final && is_at_rest(&task.0, &memory) => {
                        return Some((found, memory));
                    }
                    _ if is_final => return None,
                    _ => std::thread::yield_now(),
                }
            }
            None
        })
        .collect();
    // Of those that are left, nobody knows what they have.
    if is_too_long() {
        return Err(Unavailable::new(format!(
            "looking into {} tasks took longer than {LONGEST:?}; the test with fewer tasks tells",
            tasks.len()
        )));
    }
    // What was handed on between two of the readings would be with both tasks, or with neither.
    for (found, memory) in &mut read {
        let task = by_address.get(&found.task.header);
        if !task.is_some_and(|task| is_at_rest(task, memory)) {
            found.task.holders = None;
        }
    }
    Ok(together(read.into_iter().map(|(found, _)| found)))
}

/// Whether the task is as it was read, whatever is so of what it owns.
fn is_at_rest(task: &Listed, memory: &Snapshot) -> bool {
    let (address, length) = task.cell();
    memory.still_holds_within(address..address.saturating_add(length as u64))
}

/// What was read of one task.
struct OfTask {
    task: TaskFacts,
    found: Found,
    holds: Vec<(Owner, u64, Hold)>,
    /// Permits by where their guard lies, and of which semaphore.
    permits: Vec<(u64, Hold, u64)>,
    locks: Vec<ReadWriteLock>,
    rooms: Vec<Room>,
    sources: Vec<(u64, Source)>,
    sets: Vec<(u64, Vec<u64>)>,
    joins: Vec<(u64, u64)>,
}

/// All that was read, what several tasks share but once.
fn together(tasks: impl Iterator<Item = OfTask>) -> Facts {
    let mut facts = Facts::default();
    let mut headers = HashMap::new();
    let (mut held, mut owned, mut shared) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut known_memory = HashSet::new();
    for of_task in tasks {
        let header = of_task.task.header;
        let own = of_task.found.own_wakers.iter();
        headers.extend(own.map(|(waker, _)| (*waker, header)));
        facts.tasks.push(of_task.task);
        for set in of_task.found.children {
            let children = set.all.iter().map(|child| TaskFacts {
                header: child.cell.address,
                id: NO_TASK,
                holders: child.holders,
                is_queued: child.is_queued,
                list: None,
            });
            facts.tasks.extend(children);
            let any = Source::AnyEnd(set.address);
            facts.sources.extend(set.waker.map(|waker| (waker, any)));
            let cells = set.all.iter().map(|child| child.cell.address);
            facts.sets.push((set.address, cells.collect()));
        }
        for (place, hold, permits) in of_task.permits {
            if let (Hold::Guard(semaphore) | Hold::Permits(semaphore), false) =
                (hold, held.contains(&(place, hold)))
            {
                facts.permits.push((semaphore, permits));
            }
        }
        facts.locks.extend(of_task.locks);
        for (owner, place, hold) in of_task.holds {
            if held.insert((place, hold)) {
                facts.holds.push((owner, hold));
            }
        }
        for (owner, place, address) in of_task.found.owned {
            if owned.insert((place, address)) {
                facts.owned.push((owner, address));
            }
        }
        for (owner, place, address) in of_task.found.weak {
            if owned.insert((place, address)) {
                facts.weak.push((owner, address));
            }
        }
        for one in of_task.found.shared {
            if shared.insert(one.address) {
                facts.shared.push(one);
            }
        }
        for memory in of_task.found.memory {
            if known_memory.insert(memory.clone()) {
                facts.memory.push(memory);
            }
        }
        facts.rooms.extend(of_task.rooms);
        facts.sources.extend(of_task.sources);
        facts.sets.extend(of_task.sets);
        facts.joins.extend(of_task.joins);
    }
    for (header, _) in &mut facts.sources {
        *header = *headers.get(header).unwrap_or(header);
    }
    facts
}

fn read(
    debug: &mut DebugInfo,
    header: &HeaderLayout,
    (task, kind): Subject,
    all: &HashMap<u64, Listed>,
    memory: &mut Snapshot,
    is_too_long: &dyn Fn() -> bool,
) -> Result<OfTask, Unread> {
    let word = task.address.checked_add(header.state());
    let word = word.and_then(|place| memory.number(place, 8));
    let schedule = word.and_then(|word| schedule_of(word as usize, kind));
    let schedule = schedule.filter(|schedule| !schedule.complete);
    match schedule {
        Some(schedule) if schedule.running => Err(Unread::Now),
        Some(schedule) => {
            let list = list_of(header, task, memory);
            read_at_rest(debug, task, (schedule, list), all, memory, is_too_long)
                .ok_or(Unread::Never)
        }
        None => Err(Unread::Never),
    }
}

/// The list that the task is in, by its owner's number: the same counter numbers runtimes and `LocalSet`s.
fn list_of(header: &HeaderLayout, task: Listed, memory: &mut Snapshot) -> Option<u64> {
    let owner = memory.number(task.address.checked_add(header.owner())?, 8)?;
    (owner != 0).then_some(owner)
}

/// Why a task was not read.
enum Unread {
    /// It is being polled.
    Now,
    /// It cannot be.
    Never,
}

fn read_at_rest(
    debug: &mut DebugInfo,
    task: Listed,
    (schedule, list): (Schedule, Option<u64>),
    all: &HashMap<u64, Listed>,
    memory: &mut Snapshot,
    is_too_long: &dyn Fn() -> bool,
) -> Option<OfTask> {
    let layout = task.layout.future.as_ref()?;
    memory.bytes(task.address, layout.cell_size)?;
    if memory.number(task.address.checked_add(task.layout.id)?, 8)? != task.id {
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
    let owner = Owner::Task(task.address);
    let found = find(reader, future, owner, is_too_long);
    let end = task.address.checked_add(layout.cell_size)?;
    let own_wakers: u64 = found.own_wakers.iter().map(|(_, wakers)| wakers).sum();
    let own_wakers = usize::try_from(own_wakers).ok()?;
    let holders = match schedule {
        schedule if schedule.cancelled => None,
        // The queue refers to it too.
        schedule if schedule.notified => schedule.holders.checked_sub(1),
        schedule => Some(schedule.holders),
    };
    let mut of_task = OfTask {
        task: TaskFacts {
            header: task.address,
            id: task.id,
            holders: holders.map(|holders| holders + own_wakers),
            is_queued: schedule.notified,
            list,
        },
        found,
        holds: Vec::new(),
        permits: Vec::new(),
        locks: Vec::new(),
        rooms: Vec::new(),
        sources: Vec::new(),
        sets: Vec::new(),
        joins: Vec::new(),
    };
    of_task.found.memory.push((task.address..end, owner));
    let its_own = owner;
    for (owner, known, value, presence) in std::mem::take(&mut of_task.found.known) {
        let hold = known.hold(reader, value);
        let is_its_own = owner == its_own && presence == Presence::Certain;
        if let (Known::JoinHandle, Some(Hold::Handle(of)), true) = (known, hold, is_its_own) {
            of_task.joins.push((task.address, of));
        }
        let permits =
            hold.and_then(|hold| Some((value.address, hold, known.permits(reader, value)?)));
        of_task.permits.extend(permits);
        of_task.locks.extend(known.lock(reader, value));
        of_task
            .holds
            .extend(hold.map(|hold| (owner, value.address, hold)));
        of_task.rooms.extend(known.rooms(reader, value));
        of_task.sets.extend(known.joined(reader, value));
        let waker_of = |reader: &mut Reader<'_>, header: u64| {
            let (offset, trailer) = all.get(&header)?.layout.future.as_ref()?.trailer;
            let trailer = Value {
                ty: trailer,
                address: header.checked_add(offset)?,
            };
            let waker = reader.field(trailer, "waker")?;
            waker_in(reader, waker, 0)
        };
        of_task
            .sources
            .extend(known.source(reader, value, waker_of));
    }
    Some(of_task)
}
