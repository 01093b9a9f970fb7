//! What becomes of each task of a program, whatever the scheduler does.
//!
//! Objects and ops are chosen so that progress is monotone: an op that can complete stays able to,
//! and each signal has one consumer. So the state in which nothing can go on is the same for every
//! schedule, and is found by letting every task go on until none can. What depends on the schedule
//! all the same (how far an aborted task came, whether two changes of a watch are seen as one) is
//! bounded from below and above; a program whose bounds differ in any task's fate has no certain
//! outcome and is not used.

use super::program::{Kind, Op, Program, Role, Row, Spawned, Task, Wait};

/// What will be seen of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prophecy {
    /// For each task, whether it is alive for ever once it is spawned.
    pub stuck: Vec<bool>,
    /// The op that it comes to at least.
    pub at: Vec<usize>,
    /// Whether it may be spawned, and then ends.
    pub ends: Vec<bool>,
    /// Whether it would be stuck at the same op even if all the others that are stuck were gone.
    pub stuck_alone: Vec<bool>,
}

impl Prophecy {
    /// The tasks that a guard must report.
    pub fn leaks(&self, program: &Program) -> Vec<usize> {
        let is_tracked = |task: &usize| {
            !matches!(
                program.tasks[*task].spawned,
                Spawned::Background | Spawned::Untracked
            )
        };
        self.stuck_ones().filter(is_tracked).collect()
    }

    /// How many tasks it must report as unseen.
    pub fn unseen(&self, program: &Program) -> usize {
        self.stuck_ones()
            .filter(|task| program.tasks[*task].spawned == Spawned::Untracked)
            .count()
    }

    pub fn has_stuck_blocking(&self, program: &Program) -> bool {
        self.stuck_ones()
            .any(|task| program.tasks[task].spawned == Spawned::Blocking)
    }

    pub fn stuck_ones(&self) -> impl Iterator<Item = usize> {
        (0..self.stuck.len()).filter(|task| self.stuck[*task])
    }
}

/// Cuts off what the body would wait for in vain, so that it surely ends.
pub fn let_body_end(program: &mut Program) -> Result<(), Uncertain> {
    loop {
        let worlds = World::all(program, Bound::Lower, true)?;
        let ends = worlds.iter().map(|world| world.tasks[0].at).min();
        let ends = ends.unwrap_or(0);
        if ends >= program.tasks[0].ops.len() {
            return Ok(());
        }
        program.tasks[0].ops.truncate(ends);
    }
}

/// Nobody can say what becomes of the program.
#[derive(Debug)]
pub struct Uncertain;

/// The outcome of a program whose body surely ends.
pub fn foretell(program: &Program) -> Result<Prophecy, Uncertain> {
    let mut worlds = World::all(program, Bound::Lower, program.row.is_driven())?;
    worlds.append(&mut World::all(program, Bound::Upper, true)?);
    let stuck = |world: &World<'_>| world.tasks.iter().map(TaskState::lives).collect();
    let farthest = worlds.last().ok_or(Uncertain)?;
    let prophecy = Prophecy {
        stuck: stuck(farthest),
        at: (0..program.tasks.len())
            .map(|task| {
                worlds
                    .iter()
                    .map(|world| world.tasks[task].at)
                    .min()
                    .unwrap_or(0)
            })
            .collect(),
        ends: (0..program.tasks.len())
            .map(|task| worlds.iter().any(|world| world.tasks[task].ended))
            .collect(),
        stuck_alone: (0..program.tasks.len())
            .map(|task| farthest.is_stuck_alone(task))
            .collect(),
    };
    let all_begun = |world: &&World<'_>| world.not_begun == 0;
    let mut aborts = worlds
        .iter()
        .filter(all_begun)
        .map(|world| world.tasks.iter().map(|task| (task.aborted, task.spawned)));
    let first = aborts.next().ok_or(Uncertain)?;
    let certain = worlds.iter().all(|world| stuck(world) == prophecy.stuck)
        && aborts.all(|aborted| aborted.eq(first.clone()));
    // A paused clock does not go on while a closure runs: it might wait for a nap's end, in vain.
    let is_blocking = |task: &Task| task.spawned == Spawned::Blocking;
    let stands_still = program.row.is_paused()
        && program.tasks.iter().any(is_blocking)
        && program.has(Op::Wait(Wait::Nap));
    // A runtime's destructor waits for closures.
    let hangs = matches!(program.row, Row::ShutDown { .. }) && prophecy.has_stuck_blocking(program);
    if !certain || stands_still || hangs || prophecy.stuck[0] {
        return Err(Uncertain);
    }
    Ok(prophecy)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// Tasks come no farther than they must.
    Lower,
    /// Tasks come as far as they can.
    Upper,
}

#[derive(Clone, Default)]
struct TaskState {
    spawned: bool,
    ended: bool,
    aborted: bool,
    /// The op it is at.
    at: usize,
    set_dropped: bool,
}

impl TaskState {
    fn lives(&self) -> bool {
        self.spawned && !self.ended
    }
}

#[derive(Clone)]
struct World<'a> {
    program: &'a Program,
    bound: Bound,
    /// The runtime goes on as long as anything happens. If not, then only until the body has
    /// ended: then tasks go on where neither time nor tokio itself are needed.
    drives: bool,
    tasks: Vec<TaskState>,
    spawners: Vec<Option<usize>>,
    /// For each half: how often it was used, and whether it is gone.
    uses: Vec<usize>,
    gone: Vec<bool>,
    /// Tasks whose `JoinHandle` is gone.
    detached: Vec<bool>,
    /// Bits of the tasks that may be aborted: nobody knows how far they came before.
    abortable: u32,
    /// Bits of those that are taken to be aborted before their first poll.
    not_begun: u32,
    /// In which order the others are, at the upper bound.
    last_first: bool,
}

impl<'a> World<'a> {
    /// The outcomes for every choice of which aborted tasks had begun.
    fn all(program: &'a Program, bound: Bound, drives: bool) -> Result<Vec<Self>, Uncertain> {
        let mut farthest = Self::new(program, Bound::Upper, true);
        farthest.settle();
        let mut abortable = 0;
        let mut choices = Vec::new();
        for (number, task) in program.tasks.iter().enumerate() {
            if !farthest.tasks[number].aborted {
                continue;
            }
            abortable |= 1 << number;
            let is_spawn = |op: &Op| matches!(op, Op::Spawn(_));
            let spawns = task.ops.iter().filter(|op| is_spawn(op)).count();
            if task.ops.iter().take_while(|op| is_spawn(op)).count() < spawns {
                return Err(Uncertain);
            }
            if spawns > 0 {
                choices.push(1_u32 << number);
            }
        }
        if choices.len() > 4 {
            return Err(Uncertain);
        }
        let choose = |choice: u32, last_first: bool| {
            let mut world = Self::new(program, bound, drives);
            world.last_first = last_first;
            world.abortable = abortable;
            world.not_begun = choices
                .iter()
                .enumerate()
                .filter(|(at, _)| choice & 1 << at != 0)
                .map(|(_, bit)| bit)
                .sum();
            world.settle();
            world
        };
        let choices = 0..1 << choices.len();
        Ok(choices
            .flat_map(|choice| [choose(choice, false), choose(choice, true)])
            .collect())
    }

    fn new(program: &'a Program, bound: Bound, drives: bool) -> Self {
        let mut tasks = vec![TaskState::default(); program.tasks.len()];
        tasks[0].spawned = true;
        Self {
            program,
            bound,
            drives,
            spawners: (0..program.tasks.len())
                .map(|task| program.spawner_of(task))
                .collect(),
            uses: vec![0; program.halves.len()],
            gone: vec![false; program.halves.len()],
            detached: vec![false; tasks.len()],
            tasks,
            abortable: 0,
            not_begun: 0,
            last_first: false,
        }
    }

    /// Whether the task is stuck at its op also when all others are gone.
    fn is_stuck_alone(&self, task: usize) -> bool {
        let mut world = self.clone();
        for other in 0..world.tasks.len() {
            if other != task && world.tasks[other].lives() {
                world.end(other);
            }
        }
        world.settle();
        world.tasks[task].lives() && world.tasks[task].at == self.tasks[task].at
    }

    fn settle(&mut self) {
        loop {
            let mut changed = false;
            for task in 0..self.tasks.len() {
                changed |= self.advance(task);
            }
            changed |= self.let_go();
            if !changed && !self.end_an_aborted_one() {
                return;
            }
        }
    }

    /// At the upper bound, tasks are aborted only when they have come as far as they can.
    fn end_an_aborted_one(&mut self) -> bool {
        let is_due = |task: &usize| self.tasks[*task].lives() && self.tasks[*task].aborted;
        let mut due = (1..self.tasks.len()).filter(is_due);
        let next = if self.last_first {
            due.next_back()
        } else {
            due.next()
        };
        next.inspect(|task| self.end(*task)).is_some()
    }

    /// Lets one task do what it can.
    fn advance(&mut self, task: usize) -> bool {
        let begun = self.tasks[task].at;
        while self.tasks[task].lives() {
            let state = &self.tasks[task];
            let op = self.program.tasks[task].ops.get(state.at).copied();
            // The spawns that begin a task come together; how far it came beyond is unknown.
            let may_go_on = self.not_begun & 1 << task == 0
                && (self.abortable & 1 << task == 0
                    || self.bound == Bound::Upper
                    || matches!(op, Some(Op::Spawn(_))));
            let goes_on = may_go_on && op.is_none_or(|op| self.perform(task, op));
            if goes_on && op.is_some() {
                self.tasks[task].at += 1;
            } else if goes_on || (self.tasks[task].aborted && !may_go_on) {
                self.end(task);
                return true;
            } else {
                break;
            }
        }
        self.tasks[task].at != begun
    }

    fn perform(&mut self, task: usize, op: Op) -> bool {
        match op {
            Op::Spawn(child) => self.tasks[child].spawned = true,
            Op::Give(half) => return self.gone[half] || self.give(task, half),
            Op::Drop(half) => self.gone[half] = true,
            Op::Yield => {}
            Op::Abort(child) => {
                if self.tasks[child].spawned {
                    self.tasks[child].aborted = true;
                }
            }
            Op::DropSet => self.tasks[task].set_dropped = true,
            Op::Panic => self.end(task),
            Op::Wait(wait) => {
                if !self.is_over(task, wait) {
                    return false;
                }
                if let Wait::Take(half) = wait
                    && !self.gone[half]
                {
                    self.uses[half] += 1;
                    self.gone[half] = self.kind(half) == Kind::Oneshot;
                }
            }
            Op::Select(one, two) => {
                if !self.is_over(task, one) && !self.is_over(task, two) {
                    return false;
                }
                for wait in [one, two] {
                    match wait {
                        Wait::Take(half) => self.gone[half] = true,
                        Wait::Join(child) if self.tasks[child].spawned => {
                            self.detached[child] = true;
                        }
                        _ => {}
                    }
                }
            }
        }
        true
    }

    /// The body's own waits are over: that it ends was seen to before.
    fn is_free(&self, task: usize) -> bool {
        task == 0 && !self.drives
    }

    fn give(&mut self, task: usize, half: usize) -> bool {
        let open = |world: &Self| world.halves_like(half, Role::Taker).any(|h| !world.gone[h]);
        if let Kind::Bounded(capacity) = self.kind(half) {
            let taken: usize = self
                .halves_like(half, Role::Taker)
                .map(|taker| self.uses[taker])
                .sum();
            if !self.is_free(task) && open(self) && self.uses[half] >= taken + capacity {
                return false;
            }
        }
        self.uses[half] += 1;
        if matches!(
            self.kind(half),
            Kind::Oneshot | Kind::Mutex | Kind::RwLock | Kind::Semaphore
        ) {
            self.gone[half] = true;
        }
        true
    }

    /// Whether what the task waits for has come or will come of itself.
    fn is_over(&self, task: usize, wait: Wait) -> bool {
        let upper = self.bound == Bound::Upper;
        let free = self.is_free(task);
        let by_tokio = self.drives || upper || free;
        match wait {
            Wait::Take(half) => self.gone[half] || free || self.has_come(half, upper),
            Wait::Join(child) => {
                let state = &self.tasks[child];
                let spawned = self.program.tasks[child].spawned;
                let is_blocking = spawned == Spawned::Blocking;
                let has_handle = state.spawned && spawned != Spawned::Set && !self.detached[child];
                free || !has_handle || (state.ended && (by_tokio || is_blocking))
            }
            Wait::JoinSet => {
                let mut set = self.set_of(task).peekable();
                free || self.tasks[task].set_dropped
                    || set.peek().is_none()
                    || (by_tokio && set.all(|child| self.tasks[child].ended))
            }
            Wait::Nap => by_tokio,
            Wait::Hibernate | Wait::Never => free,
        }
    }

    fn has_come(&self, half: usize, upper: bool) -> bool {
        let given: usize = self
            .halves_like(half, Role::Giver)
            .map(|giver| self.uses[giver])
            .sum();
        let closed = self
            .halves_like(half, Role::Giver)
            .all(|giver| self.gone[giver]);
        let taken = self.uses[half];
        match self.kind(half) {
            Kind::Oneshot | Kind::Unbounded | Kind::Bounded(_) => given > taken || closed,
            // Two changes in a row may be seen as one.
            Kind::Watch => closed || (given > taken && (upper || taken == 0)),
            Kind::Notify => given > taken && (upper || taken == 0),
            Kind::Mutex | Kind::RwLock | Kind::Semaphore => closed,
        }
    }

    /// The tasks in this one's `JoinSet`.
    fn set_of(&self, task: usize) -> impl Iterator<Item = usize> {
        (1..self.tasks.len()).filter(move |child| {
            self.spawners[*child] == Some(task)
                && self.tasks[*child].spawned
                && self.program.tasks[*child].spawned == Spawned::Set
        })
    }

    fn end(&mut self, task: usize) {
        self.tasks[task].ended = true;
        self.tasks[task].at = self.program.tasks[task].ops.len();
    }

    /// Drops what ended tasks owned, and what was to be theirs.
    fn let_go(&mut self) -> bool {
        let mut changed = false;
        for half in 0..self.gone.len() {
            if let Some(owner) = self.program.halves[half].owner
                && !self.gone[half]
                && self.is_gone(owner)
            {
                self.gone[half] = true;
                changed = true;
            }
        }
        for task in 1..self.tasks.len() {
            let Some(spawner) = self.spawners[task] else {
                continue;
            };
            let drops = self.program.tasks[task].spawned == Spawned::Set
                && (self.tasks[spawner].ended || self.tasks[spawner].set_dropped);
            if drops && self.tasks[task].spawned && !self.tasks[task].aborted {
                self.tasks[task].aborted = true;
                changed = true;
            }
        }
        changed
    }

    /// Ended, or never to be spawned any more.
    fn is_gone(&self, task: usize) -> bool {
        let state = &self.tasks[task];
        let spawner = self.spawners[task];
        state.ended || (!state.spawned && spawner.is_none_or(|spawner| self.is_gone(spawner)))
    }

    fn kind(&self, half: usize) -> Kind {
        self.program.objects[self.program.halves[half].object]
    }

    fn halves_like(&self, half: usize, role: Role) -> impl Iterator<Item = usize> {
        let object = self.program.halves[half].object;
        (0..self.program.halves.len()).filter(move |other| {
            let other = self.program.halves[*other];
            other.object == object && other.role == role
        })
    }
}
