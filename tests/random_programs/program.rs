//! What a random program is: data, so that it can be judged, run, printed and shrunk.

use std::fmt;

/// A program: a test's body and the tasks it spawns, which exchange signals over objects.
#[derive(Clone, Debug)]
pub struct Program {
    pub row: Row,
    /// The guard fails the test rather than warn.
    pub fails: bool,
    pub objects: Vec<Kind>,
    pub halves: Vec<Half>,
    /// The first is the test's body.
    pub tasks: Vec<Task>,
}

/// Where the body runs and how its guard ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Row {
    /// Dropped inside a current-thread runtime.
    CurrentDrop,
    /// Dropped inside a `LocalSet`.
    LocalDrop,
    /// Dropped beside a current-thread runtime that nobody drives any more.
    CurrentOutside,
    CurrentFinish,
    LocalFinish,
    PausedFinish,
    MultiFinish,
    /// Dropped on the thread of a multi-thread runtime's `block_on`.
    MultiDrop,
    /// Dropped on a worker, in a task that is tracked or not.
    WorkerDrop {
        tracked: bool,
    },
    /// Dropped beside a multi-thread runtime.
    MultiOutside,
    /// Dropped on the thread of a `block_on` of a runtime that all programs share.
    SharedDrop,
    /// Run by `#[leak_test]`'s harness; perhaps with a guard of the body's own, handed over.
    Harness {
        flavor: Flavor,
        guard: bool,
    },
    /// The runtime is dropped before the guard.
    ShutDown {
        multi: bool,
        forbidden: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flavor {
    Current,
    Paused,
    Multi,
}

impl Row {
    /// Whether the runtime goes on while the guard waits.
    pub fn is_driven(self) -> bool {
        !matches!(
            self,
            Self::CurrentDrop | Self::LocalDrop | Self::CurrentOutside
        )
    }

    pub fn is_paused(self) -> bool {
        matches!(
            self,
            Self::PausedFinish
                | Self::Harness {
                    flavor: Flavor::Paused,
                    ..
                }
        )
    }

    pub fn has_local_set(self) -> bool {
        matches!(self, Self::LocalDrop | Self::LocalFinish)
    }

    /// Whether tasks that nobody tracked are counted, by a guard whose report can be read.
    pub fn counts_unseen(self) -> bool {
        matches!(
            self,
            Self::CurrentFinish
                | Self::PausedFinish
                | Self::MultiFinish
                | Self::MultiDrop
                | Self::MultiOutside
                | Self::Harness { guard: false, .. }
        )
    }
}

/// What tasks exchange signals over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Oneshot,
    Unbounded,
    Bounded(usize),
    Watch,
    Notify,
    Mutex,
    RwLock,
    Semaphore,
}

/// One end of an object.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub object: usize,
    pub role: Role,
    /// None: it is kept alive beside the program.
    pub owner: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A sender; of a lock, what holds it from the beginning.
    Giver,
    /// A receiver; of a lock, who wants it.
    Taker,
}

#[derive(Clone, Debug)]
pub struct Task {
    pub spawned: Spawned,
    /// Its name is made at run time.
    pub owned_name: bool,
    pub ops: Vec<Op>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spawned {
    Plainly,
    /// Into the `JoinSet` of its spawner.
    Set,
    Local,
    Blocking,
    Background,
    /// By tokio's own `spawn`, marked as tracked.
    Marked,
    /// By tokio's own `spawn`.
    Untracked,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Spawn(usize),
    Give(usize),
    Drop(usize),
    Yield,
    Abort(usize),
    DropSet,
    Panic,
    Wait(Wait),
    Select(Wait, Wait),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    Take(usize),
    Join(usize),
    JoinSet,
    /// Sleeps for a moment.
    Nap,
    /// Sleeps far beyond any grace.
    Hibernate,
    Never,
}

impl Program {
    /// The task's name in reports; `number` is the program's.
    pub fn name(&self, task: usize, number: u64) -> String {
        if self.tasks[task].owned_name {
            format!("program {number} task {task}")
        } else {
            STATIC_NAMES[task].to_owned()
        }
    }

    pub fn spawner_of(&self, task: usize) -> Option<usize> {
        self.tasks
            .iter()
            .position(|spawner| spawner.ops.contains(&Op::Spawn(task)))
    }

    pub fn has(&self, op: Op) -> bool {
        self.tasks.iter().any(|task| {
            task.ops.iter().any(|other| match *other {
                Op::Select(one, two) => op == Op::Wait(one) || op == Op::Wait(two),
                other => op == other,
            })
        })
    }
}

pub const MOST_TASKS: usize = 10;
pub const STATIC_NAMES: [&str; MOST_TASKS] = [
    "body", "task 1", "task 2", "task 3", "task 4", "task 5", "task 6", "task 7", "task 8",
    "task 9",
];

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "row {:?}, fails: {}", self.row, self.fails)?;
        for (number, half) in self.halves.iter().enumerate() {
            let owner = match half.owner {
                None => "kept alive beside the program".to_owned(),
                Some(task) => format!("of {}", STATIC_NAMES[task]),
            };
            let Half { object, role, .. } = half;
            let kind = self.objects[*object];
            writeln!(
                f,
                "half {number}: {role:?} of {kind:?} (object {object}), {owner}"
            )?;
        }
        for (number, task) in self.tasks.iter().enumerate() {
            let how = match number {
                0 => String::new(),
                _ => format!(" ({:?})", task.spawned),
            };
            writeln!(f, "{}{how}:", STATIC_NAMES[number])?;
            for op in &task.ops {
                writeln!(f, "    {op:?}")?;
            }
        }
        Ok(())
    }
}
