//! What a random program is: handles of objects, who has them at first, and what each task does with its own.

use fastrand::Rng;
use std::fmt;

/// A program: handles, tasks, and who has what.
#[derive(Clone, Debug)]
pub struct Program {
    /// The tasks run on a multi-thread runtime.
    pub multi: bool,
    pub handles: Vec<Handle>,
    pub tasks: Vec<Vec<Op>>,
    /// The tasks that run on a runtime of their own, which can be shut down alone.
    pub apart: Vec<bool>,
}

/// One handle of an object.
#[derive(Clone, Copy, Debug)]
pub struct Handle {
    pub kind: Kind,
    /// Which object; of handles of tasks, which task; of handles of a bag, which bag.
    pub object: usize,
    pub first: Owner,
}

/// Who has a handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Owner {
    Task(usize),
    /// The test, a static or a thread: whoever can use it at any time.
    Outside,
    /// A bag that is shared.
    Bag(usize),
    /// A message in that channel, which nobody has received.
    Message(usize),
    Nobody,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    Mutex,
    Semaphore,
    Notify,
    Sender,
    WeakSender,
    Receiver,
    OneshotSender,
    OneshotReceiver,
    WatchSender,
    WatchReceiver,
    BroadcastSender,
    BroadcastReceiver,
    /// A shared collection of handles.
    Bag,
    WeakBag,
    /// Of a lock, held from the beginning or since it was locked.
    Guard,
    /// Of a semaphore, likewise.
    Permit,
    Abort,
    Join,
}

/// What a task does with a handle that it has; nothing if it has it no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Yield,
    /// What can be done at once: send, notify, give back.
    Use(usize),
    Drop(usize),
    /// Sends the other handle through the first, if there is room.
    Put(usize, usize),
    /// Waits for what the handle gives; keeps that.
    Wait(usize, Way),
    /// Waits for whichever comes first.
    Select(usize, usize),
    /// Waits for nothing.
    Never,
}

/// How one waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Where the handle lies.
    InPlace,
    /// In a function of its own, which is given the handle.
    Moved,
    /// The same, which a set of futures polls.
    InSet,
    /// The rest of the task runs while what was waited for lies in a variable called as the handle was.
    Shadowed,
}

pub const MOST_TASKS: usize = 6;

/// The program of a seed.
pub fn program(seed: u64) -> Program {
    let mut random = Rng::with_seed(seed);
    let tasks = random.usize(1..=MOST_TASKS);
    let mut program = Program {
        multi: random.u32(..4) == 0,
        handles: Vec::new(),
        tasks: vec![Vec::new(); tasks],
        apart: vec![false; tasks],
    };
    // Mostly, nobody outside has anything.
    let outside = [0, 0, 1, 3][random.usize(..4)];
    let bags = random.usize(..=2);
    let objects = random.usize(1..=5);
    for bag in 0..bags {
        for _ in 0..random.usize(1..=2) {
            add(&mut program, &mut random, Kind::Bag, bag, outside, 0);
        }
        if random.u32(..8) == 0 {
            add(&mut program, &mut random, Kind::WeakBag, bag, outside, 0);
        }
    }
    for object in 0..objects {
        object_of(&mut program, &mut random, object, outside, bags);
    }
    for task in 0..tasks {
        if random.u32(..3) == 0 && tasks > 1 {
            // Who is joined is another one, perhaps in a circle.
            let owner = (task + random.usize(1..tasks)) % tasks;
            program.handles.push(Handle {
                kind: Kind::Join,
                object: task,
                first: Owner::Task(owner),
            });
        }
        if random.u32(..12) == 0 {
            add(&mut program, &mut random, Kind::Abort, task, outside, 0);
        }
    }
    for task in 0..tasks {
        let ops = ops(&program, &mut random, task);
        program.tasks[task] = ops;
    }
    // Last, so that the programs of a seed are otherwise the same.
    if random.u32(..4) == 0 {
        program.apart.fill_with(|| random.bool());
    }
    program
}

fn object_of(program: &mut Program, random: &mut Rng, object: usize, outside: u32, bags: usize) {
    let several = |program: &mut Program, random: &mut Rng, kind, most: usize| {
        for _ in 0..random.usize(1..=most) {
            add(program, random, kind, object, outside, bags);
        }
    };
    match random.u32(..8) {
        0 => {
            several(program, random, Kind::Mutex, 3);
            if random.u32(..4) == 0 {
                several(program, random, Kind::Guard, 1);
            }
        }
        1 => {
            several(program, random, Kind::Semaphore, 3);
            if random.bool() {
                several(program, random, Kind::Permit, 1);
            }
        }
        2 => several(program, random, Kind::Notify, 3),
        3 => {
            several(program, random, Kind::Sender, 2);
            several(program, random, Kind::Receiver, 1);
            if random.u32(..6) == 0 {
                several(program, random, Kind::WeakSender, 1);
            }
        }
        4 => {
            several(program, random, Kind::OneshotSender, 1);
            several(program, random, Kind::OneshotReceiver, 1);
        }
        5 => {
            several(program, random, Kind::WatchSender, 2);
            several(program, random, Kind::WatchReceiver, 2);
        }
        6 => {
            several(program, random, Kind::BroadcastSender, 2);
            several(program, random, Kind::BroadcastReceiver, 2);
        }
        _ => {
            several(program, random, Kind::Mutex, 2);
            several(program, random, Kind::Mutex, 2);
        }
    }
}

fn add(
    program: &mut Program,
    random: &mut Rng,
    kind: Kind,
    object: usize,
    outside: u32,
    bags: usize,
) {
    let tasks = program.tasks.len();
    // What is waited for lies with a task.
    let is_waited_for = matches!(kind, Kind::Receiver | Kind::OneshotReceiver);
    let first = match random.u32(..12) {
        chance if chance < outside && !is_waited_for => Owner::Outside,
        10 | 11 if bags > 0 && !is_waited_for => Owner::Bag(random.usize(..bags)),
        _ => Owner::Task(random.usize(..tasks)),
    };
    program.handles.push(Handle {
        kind,
        object,
        first,
    });
}

fn ops(program: &Program, random: &mut Rng, task: usize) -> Vec<Op> {
    let own: Vec<usize> = (0..program.handles.len())
        .filter(|handle| program.handles[*handle].first == Owner::Task(task))
        .collect();
    let mut ops = Vec::new();
    for _ in 0..random.usize(1..=5) {
        let Some(handle) = own.get(random.usize(..own.len().max(1))).copied() else {
            ops.push(if random.bool() { Op::Never } else { Op::Yield });
            continue;
        };
        let another = own[random.usize(..own.len())];
        let way = [Way::InPlace, Way::Moved, Way::InSet, Way::Shadowed][random.usize(..4)];
        ops.push(match random.u32(..17) {
            0 | 1 => Op::Yield,
            2 | 3 => Op::Use(handle),
            4 => Op::Drop(handle),
            5 => Op::Select(handle, another),
            7 => Op::Put(handle, another),
            6 if random.u32(..4) == 0 => Op::Never,
            _ => Op::Wait(handle, way),
        });
    }
    ops
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "multi-thread: {}", self.multi)?;
        for (number, handle) in self.handles.iter().enumerate() {
            let Handle {
                kind,
                object,
                first,
            } = handle;
            writeln!(f, "handle {number}: {kind:?} {object}, of {first:?}")?;
        }
        for (task, ops) in self.tasks.iter().enumerate() {
            let apart = if self.apart[task] { " (apart)" } else { "" };
            writeln!(f, "task {task}{apart}: {ops:?}")?;
        }
        Ok(())
    }
}
