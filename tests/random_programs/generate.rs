//! Making a program up from a seed.

use super::oracle::{self, Prophecy};
use super::program::{Flavor, Half, Kind, MOST_TASKS, Op, Program, Role, Row, Spawned, Task, Wait};
use fastrand::Rng;

/// The program of a seed, and what is certain to become of it.
pub fn program(seed: u64) -> (Program, Prophecy) {
    let mut random = Rng::with_seed(seed);
    loop {
        let mut program = Draft::new(&mut random).finish();
        if oracle::let_body_end(&mut program).is_ok()
            && let Ok(prophecy) = oracle::foretell(&program)
        {
            return (program, prophecy);
        }
    }
}

fn one_in(random: &mut Rng, chances: u32) -> bool {
    random.u32(..chances) == 0
}

fn row(random: &mut Rng) -> Row {
    match random.u32(..17) {
        0..3 => Row::CurrentDrop,
        3 => Row::LocalDrop,
        4 => Row::CurrentOutside,
        5 => Row::CurrentFinish,
        6 => Row::LocalFinish,
        7 => Row::PausedFinish,
        8 => Row::MultiFinish,
        9 => Row::MultiDrop,
        10 => Row::WorkerDrop {
            tracked: random.bool(),
        },
        11 => Row::MultiOutside,
        12 => Row::SharedDrop,
        13..16 => Row::Harness {
            flavor: match random.u32(..3) {
                0 => Flavor::Current,
                1 => Flavor::Paused,
                _ => Flavor::Multi,
            },
            guard: random.bool(),
        },
        _ => {
            let multi = random.bool();
            Row::ShutDown {
                multi,
                // While a multi-thread runtime shuts down, its workers may still let a task end
                // that another's death has woken.
                forbidden: !multi && random.bool(),
            }
        }
    }
}

struct Draft<'a> {
    random: &'a mut Rng,
    row: Row,
    objects: Vec<Kind>,
    halves: Vec<Half>,
    tasks: Vec<Task>,
    spawners: Vec<usize>,
}

impl<'a> Draft<'a> {
    fn new(random: &'a mut Rng) -> Self {
        let row = row(random);
        let mut draft = Self {
            random,
            row,
            objects: Vec::new(),
            halves: Vec::new(),
            tasks: Vec::new(),
            spawners: Vec::new(),
        };
        for number in 0..draft.random.usize(2..=MOST_TASKS) {
            draft.add_task(number);
        }
        for _ in 0..draft.random.usize(..=8) {
            draft.add_object();
        }
        for task in 0..draft.tasks.len() {
            draft.tasks[task].ops = draft.ops(task);
        }
        draft
    }

    fn finish(self) -> Program {
        Program {
            row: self.row,
            fails: self.random.bool(),
            objects: self.objects,
            halves: self.halves,
            tasks: self.tasks,
        }
    }

    fn add_task(&mut self, number: usize) {
        let mut spawner = if number < 2 || self.random.bool() {
            0
        } else {
            self.random.usize(..number)
        };
        // Nobody waits for what a background task spawns one day.
        if self
            .tasks
            .get(spawner)
            .is_some_and(|task| task.spawned == Spawned::Background)
        {
            spawner = 0;
        }
        let spawned = match number {
            0 => Spawned::Plainly,
            _ => self.spawned(spawner),
        };
        self.spawners.push(spawner);
        self.tasks.push(Task {
            spawned,
            owned_name: self.random.bool(),
            ops: Vec::new(),
        });
    }

    fn spawned(&mut self, spawner: usize) -> Spawned {
        let local = self.row.has_local_set()
            && (spawner == 0 || self.tasks[spawner].spawned == Spawned::Local);
        let by_blocking = spawner > 0 && self.tasks[spawner].spawned == Spawned::Blocking;
        match self.random.u32(..16) {
            0..3 => Spawned::Set,
            3 => Spawned::Blocking,
            4 => Spawned::Background,
            5 | 6 if self.row.is_driven() => Spawned::Marked,
            7 if self.row.counts_unseen() && !by_blocking => Spawned::Untracked,
            8..13 if local => Spawned::Local,
            _ => Spawned::Plainly,
        }
    }

    fn add_object(&mut self) {
        let kind = match self.random.u32(..13) {
            0..3 => Kind::Oneshot,
            3..6 => Kind::Unbounded,
            6..8 => Kind::Bounded(self.random.usize(1..3)),
            8 => Kind::Watch,
            9 => Kind::Notify,
            10 => Kind::Mutex,
            11 => Kind::RwLock,
            _ => Kind::Semaphore,
        };
        let (givers, takers) = match kind {
            Kind::Oneshot | Kind::Bounded(_) | Kind::Notify => (1, 1),
            Kind::Unbounded => (self.random.usize(1..4), 1),
            Kind::Watch => (1, self.random.usize(1..4)),
            Kind::Mutex | Kind::RwLock | Kind::Semaphore => {
                (self.random.usize(..2), self.random.usize(1..4))
            }
        };
        let object = self.objects.len();
        self.objects.push(kind);
        for (role, count, kept) in [(Role::Giver, givers, 4), (Role::Taker, takers, 8)] {
            for _ in 0..count {
                let owner = if one_in(self.random, kept) {
                    None
                } else {
                    Some(self.random.usize(..self.tasks.len()))
                };
                self.halves.push(Half {
                    object,
                    role,
                    owner,
                });
            }
        }
    }

    /// What a task does, in an order that makes some sense.
    fn ops(&mut self, task: usize) -> Vec<Op> {
        let is_blocking = self.tasks[task].spawned == Spawned::Blocking;
        let mut ops = Vec::new();
        let children: Vec<usize> = (1..self.tasks.len())
            .filter(|child| self.spawners[*child] == task)
            .collect();
        for half in 0..self.halves.len() {
            if self.halves[half].owner == Some(task) {
                self.use_half(half, &mut ops);
            }
        }
        for _ in 0..self.random.u32(..3) {
            ops.push(self.pastime(task, is_blocking));
        }
        if !is_blocking {
            self.random.shuffle(&mut ops);
            for child in &children {
                self.care_for(*child, &mut ops);
            }
        }
        let may_be_aborted = task > 0 && !is_blocking;
        for child in children {
            // An aborted task must have spawned all or nothing, or nobody could tell.
            let latest = ops
                .iter()
                .position(|op| {
                    matches!(op, Op::Abort(other) | Op::Wait(Wait::Join(other)) if *other == child)
                        || matches!(op, Op::Wait(Wait::JoinSet) | Op::DropSet)
                })
                .unwrap_or(ops.len());
            let at = if may_be_aborted && !one_in(self.random, 4) {
                0
            } else {
                self.random.usize(..=latest)
            };
            ops.insert(at, Op::Spawn(child));
        }
        if !is_blocking {
            self.select_some(&mut ops);
        }
        if task > 0 && one_in(self.random, 30) {
            ops.insert(self.random.usize(..=ops.len()), Op::Panic);
        }
        ops
    }

    fn use_half(&mut self, half: usize, ops: &mut Vec<Op>) {
        let Half { object, role, .. } = self.halves[half];
        let is_lock = matches!(
            self.objects[object],
            Kind::Mutex | Kind::RwLock | Kind::Semaphore
        );
        for _ in 0..self.random.u32(..4) {
            ops.push(match role {
                Role::Giver if is_lock => Op::Drop(half),
                Role::Giver => Op::Give(half),
                Role::Taker => Op::Wait(Wait::Take(half)),
            });
        }
        if one_in(self.random, 4) {
            ops.push(Op::Drop(half));
        }
    }

    fn pastime(&mut self, task: usize, is_blocking: bool) -> Op {
        match self.random.u32(..16) {
            _ if is_blocking => Op::Yield,
            0..2 => Op::Wait(Wait::Nap),
            2 if task > 0 => Op::Wait(Wait::Hibernate),
            3 if task > 0 => Op::Wait(Wait::Never),
            _ => Op::Yield,
        }
    }

    fn care_for(&mut self, child: usize, ops: &mut Vec<Op>) {
        let at = self.random.usize(..=ops.len());
        match (self.tasks[child].spawned, self.random.u32(..6)) {
            (Spawned::Set, 0 | 1) => ops.insert(at, Op::Wait(Wait::JoinSet)),
            (Spawned::Set, 2) => ops.insert(at, Op::DropSet),
            (Spawned::Blocking | Spawned::Set, 3) | (_, 4 | 5) => {}
            (Spawned::Blocking, _) | (_, 0 | 1) => ops.insert(at, Op::Wait(Wait::Join(child))),
            (_, _) => ops.insert(at, Op::Abort(child)),
        }
    }

    /// Makes one `select!` of two waits, here and there.
    fn select_some(&mut self, ops: &mut [Op]) {
        let waits: Vec<usize> = (0..ops.len())
            .filter(|at| matches!(ops[*at], Op::Wait(_)))
            .collect();
        if waits.is_empty() || !one_in(self.random, 4) {
            return;
        }
        let first = waits[self.random.usize(..waits.len())];
        let other = match self.random.u32(..4) {
            0 => Wait::Nap,
            1 => Wait::Never,
            _ => match ops[waits[self.random.usize(..waits.len())]] {
                Op::Wait(wait) => wait,
                _ => Wait::Never,
            },
        };
        if let Op::Wait(wait) = ops[first]
            && wait != other
            && wait != Wait::JoinSet
            && other != Wait::JoinSet
        {
            ops[first] = Op::Select(wait, other);
        }
    }
}
