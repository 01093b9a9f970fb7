//! Running a program, and asking what is said of its tasks once none of them goes on.

use super::oracle::{Now, State, World};
use super::program::{Kind, MOST_TASKS, Op, Owner, Program, Way};
use super::real::{self, Real, Reals};
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use taskleak::task::Builder;
use taskleak::{LeakReport, Liveness, Options, TaskInfo, find, verify_none};
use tokio::runtime::Handle;
use tokio::task::yield_now;

/// For how long it is looked again on a machine that is too busy.
const LONG: Duration = Duration::from_secs(60);

const NAMES: [&str; MOST_TASKS] = ["task 0", "task 1", "task 2", "task 3", "task 4", "task 5"];

/// What came out, by the tasks' numbers.
#[derive(Default, Debug)]
pub struct Outcome {
    /// Those that can really never run again.
    pub stuck: HashSet<usize>,
    /// Those of them that the end of another runtime would not help either.
    pub certain: HashSet<usize>,
    pub alive: usize,
    pub likely: HashSet<usize>,
    pub proved: HashSet<usize>,
    pub report: String,
}

/// None if the tasks did not come to rest while they were looked at.
pub fn run(program: &Program) -> Option<Outcome> {
    let mut runtime = if program.multi {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let mut apart = tokio::runtime::Builder::new_multi_thread();
    let apart = apart.worker_threads(1).enable_all().build().unwrap();
    let guard = verify_none();
    let outcome = runtime.block_on(look(program, apart.handle()));
    // With them go the tasks, so that the guard has nothing to say.
    drop(runtime);
    drop(apart);
    drop(guard);
    outcome
}

type Shared = Arc<Mutex<World>>;

async fn look(program: &Program, apart: &Handle) -> Option<Outcome> {
    let world: Shared = Arc::new(Mutex::new(World {
        handles: program
            .handles
            .iter()
            .map(|handle| Now {
                kind: handle.kind,
                object: handle.object,
                owner: handle.first,
            })
            .collect(),
        tasks: program.tasks.iter().map(|_| State::Runs).collect(),
        apart: program.apart.clone(),
    }));
    world.lock().unwrap().let_go();
    let mut doors = Vec::new();
    let mut joins = Vec::new();
    for (task, ops) in program.tasks.iter().enumerate() {
        let door = Arc::new(Mutex::new(None));
        doors.push(door.clone());
        let run = TaskRun {
            world: world.clone(),
            task,
            reals: Vec::new(),
        };
        let future = run.go(door, ops.clone());
        let builder = Builder::new().name(NAMES[task]);
        joins.push(if program.apart[task] {
            builder.spawn_on(future, apart)
        } else {
            builder.spawn(future)
        });
    }
    let (tasks, outside) = real::make(program, joins);
    for (door, reals) in doors.into_iter().zip(tasks) {
        *door.lock().unwrap() = Some(reals);
    }
    for _ in 0..100 {
        yield_now().await;
    }
    if program.multi || program.apart.contains(&true) {
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let before = world.lock().unwrap().clone();
    let mut found = find(Options::new().grace(Duration::from_millis(2)));
    // A busy machine may not have come to poll them when they are asked.
    let begun = Instant::now();
    while found.as_ref().is_err_and(is_silent) && begun.elapsed() < LONG {
        found = find(Options::new().grace(Duration::from_millis(2)));
    }
    let after = world.lock().unwrap().clone();
    drop(outside);
    if before != after || after.tasks.contains(&State::Runs) {
        return None;
    }
    let is_alive = |state: &&State| **state != State::Ended;
    let mut outcome = Outcome {
        stuck: after.stuck(),
        certain: after.stuck_for_certain(),
        alive: after.tasks.iter().filter(is_alive).count(),
        ..Outcome::default()
    };
    let Err(report) = found else {
        return Some(outcome);
    };
    outcome.report = format!("{after:?}\n{report}");
    for leak in report.leaks() {
        for task in leak.tasks() {
            let number = NAMES.iter().position(|name| *name == task.name())?;
            if leak.is_likely_deadlocked() {
                outcome.likely.insert(number);
            }
            if leak.is_proved_deadlocked() || task.liveness() == Liveness::Orphan {
                outcome.proved.insert(number);
            }
        }
    }
    Some(outcome)
}

fn is_silent(report: &LeakReport) -> bool {
    let mut tasks = report.leaks().iter().flat_map(|leak| leak.tasks());
    tasks.any(TaskInfo::is_silent)
}

impl World {
    /// Bags that nobody has are gone, and what was in them; and messages that nobody can receive.
    fn let_go(&mut self) {
        loop {
            let is_there = |what: (Kind, usize)| {
                self.handles.iter().any(|handle| {
                    (handle.kind, handle.object) == what && handle.owner != Owner::Nobody
                })
            };
            let gone = self.handles.iter().position(|handle| match handle.owner {
                Owner::Bag(bag) => !is_there((Kind::Bag, bag)),
                Owner::Message(channel) => !is_there((Kind::Receiver, channel)),
                _ => false,
            });
            match gone {
                Some(gone) => self.handles[gone].owner = Owner::Nobody,
                None => return,
            }
        }
    }

    fn drop_handle(&mut self, handle: usize) {
        self.handles[handle].owner = Owner::Nobody;
        self.let_go();
    }
}

/// One task, with its handles.
struct TaskRun {
    world: Shared,
    task: usize,
    reals: Reals,
}

impl Drop for TaskRun {
    fn drop(&mut self) {
        let mut world = self.world.lock().unwrap();
        world.tasks[self.task] = State::Ended;
        for handle in 0..world.handles.len() {
            if world.handles[handle].owner == Owner::Task(self.task) {
                world.drop_handle(handle);
            }
        }
    }
}

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl TaskRun {
    async fn go(mut self, door: Arc<Mutex<Option<Reals>>>, ops: Vec<Op>) {
        loop {
            let given = door.lock().unwrap().take();
            if let Some(reals) = given {
                self.reals = reals;
                break;
            }
            yield_now().await;
        }
        drop(door);
        self.perform(&ops).await;
    }

    fn now(&self, state: State) {
        self.world.lock().unwrap().tasks[self.task] = state;
    }

    /// That it waits with these handles.
    fn waits(&self, handles: &[usize]) {
        let mut world = self.world.lock().unwrap();
        let waits = handles.iter().map(|handle| {
            let handle = world.handles[*handle];
            (handle.kind, handle.object)
        });
        world.tasks[self.task] = State::Waits(waits.collect());
    }

    fn has(&mut self, handle: usize) -> Option<Real> {
        let at = self
            .reals
            .iter()
            .position(|(number, _)| *number == handle)?;
        Some(self.reals.swap_remove(at).1)
    }

    /// What was waited for is a handle too.
    fn keeps(&self, of: usize, kind: Kind) -> usize {
        let mut world = self.world.lock().unwrap();
        let object = world.handles[of].object;
        world.handles.push(Now {
            kind,
            object,
            owner: Owner::Task(self.task),
        });
        world.handles.len() - 1
    }

    fn gives_up(&self, handle: usize) {
        self.world.lock().unwrap().drop_handle(handle);
    }

    /// What came through a channel is the task's own.
    fn unpacks(&mut self, real: &mut Real) {
        for (number, real) in real.received() {
            self.world.lock().unwrap().handles[number].owner = Owner::Task(self.task);
            self.reals.push((number, real));
        }
    }

    /// Sends one handle through another.
    fn puts(&mut self, through: usize, handle: usize) {
        if through == handle {
            return;
        }
        let Some(real) = self.has(handle) else { return };
        let sender = self.reals.iter().find(|(number, _)| *number == through);
        let refused = match sender {
            Some((_, sender)) => sender.put(handle, real).err(),
            None => Some(real),
        };
        if let Some(real) = refused {
            self.reals.push((handle, real));
            return;
        }
        let mut world = self.world.lock().unwrap();
        let channel = world.handles[through].object;
        world.handles[handle].owner = Owner::Message(channel);
        world.let_go();
    }

    fn put_back(&mut self, handle: usize, mut real: Real, given: Option<Real>) {
        self.unpacks(&mut real);
        if let Some(given) = given {
            let kind = match given {
                Real::Guard(_) => Kind::Guard,
                _ => Kind::Permit,
            };
            let number = self.keeps(handle, kind);
            self.reals.push((number, given));
        }
        if real.lasts() {
            self.reals.push((handle, real));
        } else {
            self.gives_up(handle);
        }
    }

    fn perform<'a>(&'a mut self, ops: &'a [Op]) -> Boxed<'a> {
        Box::pin(async move {
            for (at, op) in ops.iter().enumerate() {
                match *op {
                    Op::Yield => yield_now().await,
                    Op::Never => {
                        self.now(State::Waits(Vec::new()));
                        std::future::pending::<()>().await;
                    }
                    Op::Use(handle) => {
                        if let Some(mut real) = self.has(handle) {
                            if real.use_it() {
                                drop(real);
                                self.gives_up(handle);
                            } else {
                                self.unpacks(&mut real);
                                self.reals.push((handle, real));
                            }
                        }
                    }
                    Op::Drop(handle) => {
                        if let Some(real) = self.has(handle) {
                            drop(real);
                            self.gives_up(handle);
                        }
                    }
                    Op::Put(through, handle) => self.puts(through, handle),
                    Op::Select(one, two) => self.select(one, two).await,
                    Op::Wait(handle, Way::Shadowed) => {
                        if self.shadowed(handle, &ops[at + 1..]).await {
                            return;
                        }
                    }
                    Op::Wait(handle, way) => self.wait(handle, way).await,
                }
            }
        })
    }

    async fn wait(&mut self, handle: usize, way: Way) {
        if !self.reals.iter().any(|(number, _)| *number == handle) {
            return;
        }
        self.waits(&[handle]);
        if way == Way::Moved || way == Way::InSet {
            let real = self.has(handle).expect("it is there");
            let waits = real::wait_moved(real);
            let (real, given) = if way == Way::InSet {
                let mut set = FuturesUnordered::from_iter([waits]);
                set.next().await.expect("there is one")
            } else {
                waits.await
            };
            self.now(State::Runs);
            self.put_back(handle, real, given);
            return;
        }
        let place = self.reals.iter_mut().find(|(number, _)| *number == handle);
        let (_, real) = place.expect("it is there");
        let given = real.wait().await;
        self.now(State::Runs);
        let real = self.has(handle).expect("it is there");
        self.put_back(handle, real, given);
    }

    /// The rest runs while the guard lies in a variable that is called as the lock was. Whether it ran.
    async fn shadowed(&mut self, handle: usize, rest: &[Op]) -> bool {
        let place = self.reals.iter().find(|(number, _)| *number == handle);
        match place.map(|(_, real)| real) {
            Some(Real::Mutex(mutex)) => {
                let mutex = mutex.clone();
                self.waits(&[handle]);
                self.locked(mutex, handle, rest).await;
                true
            }
            Some(Real::Semaphore(semaphore)) => {
                let semaphore = semaphore.clone();
                self.waits(&[handle]);
                let semaphore = semaphore.acquire().await;
                self.now(State::Runs);
                self.keeps(handle, Kind::Permit);
                self.perform(rest).await;
                drop(semaphore);
                true
            }
            _ => {
                self.wait(handle, Way::InPlace).await;
                false
            }
        }
    }

    async fn locked(&mut self, mutex: Arc<tokio::sync::Mutex<()>>, handle: usize, rest: &[Op]) {
        let mutex = mutex.lock().await;
        self.now(State::Runs);
        self.keeps(handle, Kind::Guard);
        self.perform(rest).await;
        drop(mutex);
    }

    async fn select(&mut self, one: usize, two: usize) {
        if one == two {
            return self.wait(one, Way::InPlace).await;
        }
        let (Some(mut first), Some(mut second)) = (self.has(one), self.has(two)) else {
            return;
        };
        self.waits(&[one, two]);
        let first_came = tokio::select! {
            biased;
            _ = first.wait() => true,
            _ = second.wait() => false,
        };
        self.now(State::Runs);
        for (handle, mut real, came) in [(one, first, first_came), (two, second, !first_came)] {
            self.unpacks(&mut real);
            if !came || real.lasts() {
                self.reals.push((handle, real));
            } else {
                self.gives_up(handle);
            }
        }
    }
}
