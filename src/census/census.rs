//! Taking the census of a runtime.

use super::dwarf::DebugInfo;
use super::future::{Reader, Snapshot, Value, await_trace};
use super::seen_task::UNKNOWN;
use super::tasks::{
    Cells, HeaderLayout, Listed, RuntimeLayout, anchor_address, describe, has_join_handle, listed,
    state_of, walked,
};
use super::{InList, SeenState, SeenTask, Sight, Unavailable};
use crate::wait::deadlock::Facts;
use crate::wait::{AwaitTrace, RuntimeKind, TraceSource};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;

/// What was learned by earlier censuses; or why there are none.
static KNOWN: Mutex<Option<Result<Known, Unavailable>>> = Mutex::new(None);

struct Known {
    debug: DebugInfo,
    cells: Cells,
}

/// How often a task is read anew when it moved meanwhile.
const TRIES: usize = 8;
/// How many tasks' cells are read at once.
const AT_ONCE: usize = 64;

/// Reads the tasks of a runtime out of its own list: those in it from the beginning to the end of this call.
///
/// It never waits for the runtime and takes none of its locks, so it may be called anywhere.
pub(crate) fn take(handle: &Handle) -> Result<Vec<SeenTask>, Unavailable> {
    guarded(|| {
        with_known(|Known { debug, cells }| {
            let runtime = RuntimeLayout::of(debug, handle)?;
            let tasks = listed(debug, cells, &runtime)?;
            let tasks: Vec<_> = tasks.into_iter().map(|task| (task, runtime.kind)).collect();
            Ok(read_tasks(debug, runtime.header(), &tasks))
        })
    })
}

/// Does something, and says which tasks were in the runtime's list both before and after it; but not those whose futures
/// taskleak wraps. Little of each task is read, so this is quick.
pub(crate) fn beside_list<T>(
    handle: &Handle,
    between: impl FnOnce() -> T,
) -> Result<(T, InList), Unavailable> {
    guarded(|| {
        with_known(|Known { debug, cells }| {
            let runtime = RuntimeLayout::of(debug, handle)?;
            let before = walked(debug, cells, &runtime)?;
            let done = between();
            let after = walked(debug, cells, &runtime)?;
            let ids = |tasks: &[Listed]| -> HashSet<u64> {
                let tasks = tasks.iter().filter(|task| !task.is_wrapped());
                tasks.map(|task| task.id).collect()
            };
            let in_list = InList {
                tasks: &ids(&before.tasks) & &ids(&after.tasks),
                is_whole: before.is_whole && after.is_whole,
            };
            Ok((done, in_list))
        })
    })
}

/// A mistake of ours must not fail anybody's test.
fn guarded<T>(read: impl FnOnce() -> Result<T, Unavailable>) -> Result<T, Unavailable> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Unavailable::new(
            "taskleak made a mistake in reading the debug info; please report it",
        ))
    })
}

/// Reads tasks of which the header, the number and the scheduler are known; of any runtimes. Who asks has to see that a
/// task did not end meanwhile: another may come to lie where it was.
pub(crate) fn look_at(tasks: &[((u64, u64), RuntimeKind)]) -> Result<Vec<SeenTask>, Unavailable> {
    guarded(|| {
        with_known(|Known { debug, cells }| {
            let header = HeaderLayout::of(debug)?;
            let tasks: Vec<_> = tasks
                .iter()
                .filter_map(|(task, kind)| Some((Listed::at(debug, cells, &header, *task)?, *kind)))
                .collect();
            Ok(read_tasks(debug, &header, &tasks))
        })
    })
}

/// What the tasks of the runtimes keep and wait at, as far as that can be told; and what others do, of which the header
/// and the number are known.
pub(crate) fn holdings(
    runtimes: &[Handle],
    others: &[((u64, u64), RuntimeKind)],
) -> Result<Facts, Unavailable> {
    // Where functions are merged, so may be the types.
    if super::names_may_be_merged() {
        return Err(Unavailable::new(MERGED));
    }
    guarded(|| with_known(|known| holdings_unguarded(known, runtimes, others)))
}

const MERGED: &str = "this build is optimised, and puts equal types together; an unoptimised one tells (`opt-level = 0` in \
                      the profile that the tests are built with)";

fn holdings_unguarded(
    Known { debug, cells }: &mut Known,
    runtimes: &[Handle],
    others: &[((u64, u64), RuntimeKind)],
) -> Result<Facts, Unavailable> {
    let mut tasks: Vec<(Listed, RuntimeKind)> = Vec::new();
    let mut any = None;
    for handle in runtimes {
        let runtime = RuntimeLayout::of(debug, handle)?;
        let listed = listed(debug, cells, &runtime)?;
        tasks.extend(listed.into_iter().map(|task| (task, runtime.kind)));
        any = Some(runtime);
    }
    let Some(runtime) = any else {
        return Err(Unavailable::new(
            "no runtime can be reached from where the guard ended; one that ends on the tasks' runtime tells",
        ));
    };
    for (other, kind) in others {
        let is_known = tasks.iter().any(|(task, _)| task.address == other.0);
        if !is_known {
            let other = Listed::at(debug, cells, runtime.header(), *other);
            tasks.extend(other.map(|task| (task, *kind)));
        }
    }
    super::holdings::holdings(debug, runtime.header(), &tasks)
}

fn with_known<T>(
    use_it: impl FnOnce(&mut Known) -> Result<T, Unavailable>,
) -> Result<T, Unavailable> {
    super::memory::begin();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // A process that had no descriptor to spare when it was asked first may have some now.
    if known.as_ref().is_none_or(was_passing) {
        let debug = DebugInfo::of_code_at(anchor_address());
        let cells = Cells::default();
        *known = Some(debug.map(|debug| Known { debug, cells }));
    }
    match known.as_mut() {
        Some(Ok(known)) => use_it(known),
        Some(Err(reason)) => Err(reason.clone()),
        None => unreachable!("it was just set"),
    }
}

fn was_passing(known: &Result<Known, Unavailable>) -> bool {
    known.as_ref().is_err_and(Unavailable::is_passing)
}

fn read_tasks(
    debug: &mut DebugInfo,
    header: &HeaderLayout,
    tasks: &[(Listed, RuntimeKind)],
) -> Vec<SeenTask> {
    let mut seen = Vec::with_capacity(tasks.len());
    for tasks in tasks.chunks(AT_ONCE) {
        let mut cells = cells_of(tasks);
        for (task, kind) in tasks {
            let cell = cells.as_mut().and_then(Iterator::next);
            seen.extend(read_task(
                debug,
                header,
                *kind,
                *task,
                cell.unwrap_or_default(),
            ));
        }
    }
    seen
}

/// Copies of the tasks' cells, made at once: most of what there is to read of most tasks.
fn cells_of(tasks: &[(Listed, RuntimeKind)]) -> Option<impl Iterator<Item = Snapshot>> {
    let cells: Vec<_> = tasks.iter().map(|(task, _)| task.cell()).collect();
    let bytes = super::memory::read_parts(&cells)?;
    let mut at = 0;
    Some(cells.into_iter().map(move |(address, length)| {
        let cell = bytes[at..at + length].to_vec();
        at += length;
        Snapshot::of(address, cell)
    }))
}

fn read_task(
    debug: &mut DebugInfo,
    header: &HeaderLayout,
    kind: RuntimeKind,
    task: Listed,
    cell: Snapshot,
) -> Option<SeenTask> {
    let mut seen = SeenTask {
        id: task.id,
        address: task.address as usize,
        sight: Sight {
            name: UNKNOWN.to_owned(),
            declared: None,
            state: SeenState::Unknown,
            await_trace: AwaitTrace::of_chains(TraceSource::Census, []),
        },
        is_wrapped: false,
        join_handle: false,
    };
    let word_at = task.address.checked_add(header.state())?;
    let Some(layout) = &task.layout.future else {
        let mut memory = Snapshot::default();
        let word = memory.number(word_at, 8)?;
        if !is_it(&task, header, &mut memory) || !memory.still_holds() {
            return None;
        }
        seen.sight.state = state_of(word, kind);
        seen.join_handle = has_join_handle(word, kind);
        return Some(seen);
    };
    seen.sight.name.clone_from(&layout.name);
    seen.sight.declared.clone_from(&layout.declared);
    seen.is_wrapped = layout.is_wrapped;
    let mut first = Some(cell);
    for _ in 0..TRIES {
        let mut memory = first.take().unwrap_or_default();
        // At once, so that its parts fit together.
        memory.bytes(task.address, layout.cell_size)?;
        if !is_it(&task, header, &mut memory) {
            return None;
        }
        let word = memory.number(word_at, 8)?;
        seen.sight.state = state_of(word, kind);
        seen.join_handle = has_join_handle(word, kind);
        if seen.sight.state == SeenState::Running {
            return Some(seen);
        }
        let reader = &mut Reader {
            debug,
            memory: &mut memory,
        };
        let stage = Value {
            ty: layout.stage_type,
            address: task.address.checked_add(layout.stage)?,
        };
        let variant = reader.variant(stage)?;
        if variant.field.name != "Running" {
            seen.sight.state = SeenState::Complete;
        } else if let Some((_, future)) = reader.parts(stage).into_iter().next() {
            let actual = behind_boxes(reader, future);
            seen.sight.await_trace = await_trace(reader, future);
            if let Some(actual) = actual.filter(|_| layout.is_boxed) {
                (seen.sight.name, seen.sight.declared) = describe(reader.debug, actual.ty);
            }
        }
        if memory.still_holds() {
            return Some(seen);
        }
    }
    // It never stood still: what was read may not fit together.
    seen.sight.state = SeenState::Running;
    seen.sight.await_trace = AwaitTrace::of_chains(TraceSource::Census, []);
    Some(seen)
}

/// Whether what was read is the task still: it may have ended, and another may lie where it was.
fn is_it(task: &Listed, header: &HeaderLayout, memory: &mut Snapshot) -> bool {
    let mut number = |offset: u64| memory.number(task.address.checked_add(offset)?, 8);
    number(task.layout.id) == Some(task.id) && number(header.vtable()) == Some(task.layout.vtable)
}

/// The future that a box of a `dyn` one turned out to hold.
fn behind_boxes(reader: &mut Reader<'_>, mut future: Value) -> Option<Value> {
    let mut is_boxed = false;
    for _ in 0..8 {
        future = match (reader.target(future), reader.parts(future).as_slice()) {
            (Some(target), _) => {
                is_boxed = true;
                target
            }
            (None, [(_, only)]) if !future.ty.is_coroutine() && !is_boxed => *only,
            _ => break,
        };
    }
    is_boxed.then_some(future)
}
