//! Running a program's tasks on tokio, through taskleak's twins.

use super::half::{self, LiveHalf};
use super::program::{Op, Program, STATIC_NAMES, Spawned, Wait};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use taskleak::Track;
use taskleak::task::{Builder, JoinSet};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

/// What lives as long as one run of a program.
pub struct Run {
    pub program: Program,
    /// The program's number, for the names of its tasks.
    pub number: u64,
    /// Which tasks are over: this test's own view.
    ended: Vec<AtomicBool>,
    /// The op that each task is at.
    at: Vec<AtomicUsize>,
    aborts: Mutex<Vec<AbortHandle>>,
    kept: Mutex<Vec<LiveHalf>>,
    released: watch::Sender<bool>,
}

impl Run {
    /// The run, and the body that begins it.
    pub fn new(program: Program, number: u64) -> (Arc<Self>, TaskRun) {
        let mut owned: Vec<BTreeMap<usize, LiveHalf>> =
            program.tasks.iter().map(|_| BTreeMap::new()).collect();
        let mut kept = Vec::new();
        for (number, live) in half::make(&program).into_iter().enumerate() {
            match program.halves[number].owner {
                Some(owner) => drop(owned[owner].insert(number, live)),
                None => kept.push(live),
            }
        }
        let run = Arc::new(Self {
            number,
            ended: program
                .tasks
                .iter()
                .map(|_| AtomicBool::new(false))
                .collect(),
            at: program.tasks.iter().map(|_| AtomicUsize::new(0)).collect(),
            aborts: Mutex::default(),
            kept: Mutex::new(kept),
            released: watch::Sender::new(false),
            program,
        });
        let mut waiting: Vec<Option<TaskRun>> = owned
            .into_iter()
            .enumerate()
            .map(|(task, halves)| Some(TaskRun::new(run.clone(), task, halves)))
            .collect();
        // Children come after their spawners, so that whole families are moved.
        for task in (1..waiting.len()).rev() {
            let child = waiting[task].take();
            if let Some(spawner) = run.program.spawner_of(task)
                && let (Some(spawner), Some(child)) = (waiting[spawner].as_mut(), child)
            {
                spawner.children.insert(task, child);
            }
        }
        let body = waiting[0].take().expect("a program has a body");
        (run, body)
    }

    /// Lets everything go that is stuck, once the verdict is given.
    pub fn release(&self) {
        self.release_closures();
        let kept = std::mem::take(&mut *self.kept.lock().unwrap());
        drop(kept);
        for task in self.aborts.lock().unwrap().drain(..) {
            task.abort();
        }
    }

    /// Lets the closures on the blocking pool end.
    pub fn release_closures(&self) {
        self.released.send_replace(true);
    }

    pub fn has_ended(&self, task: usize) -> bool {
        self.ended[task].load(SeqCst)
    }

    pub fn has_come_to(&self, task: usize, at: usize) -> bool {
        self.at[task].load(SeqCst) >= at
    }

    /// How long a nap is: nothing much, in whatever time there is.
    fn nap(&self) -> Duration {
        if self.program.row.is_paused() {
            Duration::from_millis(3)
        } else {
            Duration::from_micros(50)
        }
    }
}

/// One task: what it owns, its children yet to be spawned among it.
pub struct TaskRun {
    run: Arc<Run>,
    task: usize,
    halves: BTreeMap<usize, LiveHalf>,
    children: BTreeMap<usize, TaskRun>,
    handles: BTreeMap<usize, JoinHandle<()>>,
    aborts: BTreeMap<usize, AbortHandle>,
    /// None once it was dropped.
    set: Option<JoinSet<()>>,
}

impl Drop for TaskRun {
    fn drop(&mut self) {
        self.run.ended[self.task].store(true, SeqCst);
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

impl TaskRun {
    fn new(run: Arc<Run>, task: usize, halves: BTreeMap<usize, LiveHalf>) -> Self {
        Self {
            run,
            task,
            halves,
            children: BTreeMap::new(),
            handles: BTreeMap::new(),
            aborts: BTreeMap::new(),
            set: Some(JoinSet::new()),
        }
    }

    pub fn go(mut self) -> Boxed {
        Box::pin(async move {
            let ops = self.run.program.tasks[self.task].ops.clone();
            for (at, op) in ops.into_iter().enumerate() {
                self.run.at[self.task].store(at, SeqCst);
                self.perform(op).await;
            }
        })
    }

    fn go_blocking(self) {
        let mut released = self.run.released.subscribe();
        Handle::current().block_on(async move {
            tokio::select! {
                () = self.go() => {}
                _ = released.wait_for(|released| *released) => {}
            }
        });
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::Spawn(child) => self.spawn(child),
            Op::Give(half) => {
                if let Some(live) = self.halves.get_mut(&half) {
                    live.give().await;
                    if live.is_used_up_by_use() {
                        self.halves.remove(&half).expect("it is there").spend();
                    }
                }
            }
            Op::Drop(half) => drop(self.halves.remove(&half)),
            Op::Yield => tokio::task::yield_now().await,
            Op::Abort(child) => {
                if let Some(task) = self.aborts.get(&child) {
                    task.abort();
                }
            }
            Op::DropSet => self.set = None,
            // Without a message of the panic hook.
            Op::Panic => std::panic::resume_unwind(Box::new("a panic of a random program")),
            Op::Wait(Wait::JoinSet) => {
                if let Some(set) = &mut self.set {
                    while set.join_next().await.is_some() {}
                }
            }
            Op::Wait(Wait::Take(half)) => {
                if let Some(live) = self.halves.get_mut(&half) {
                    live.take().await;
                    if live.is_used_up_by_use() {
                        self.halves.remove(&half);
                    }
                }
            }
            Op::Wait(wait) => self.begin(wait).await,
            Op::Select(one, two) => {
                let (one, two) = (self.begin(one), self.begin(two));
                tokio::select! {
                    () = one => {}
                    () = two => {}
                }
            }
        }
    }

    /// A wait that takes what it waits for with it.
    fn begin(&mut self, wait: Wait) -> Boxed {
        let nap = self.run.nap();
        match wait {
            Wait::Take(half) => {
                let half = self.halves.remove(&half);
                Box::pin(async move {
                    if let Some(mut half) = half {
                        half.take().await;
                    }
                })
            }
            Wait::Join(child) => {
                let handle = self.handles.remove(&child);
                Box::pin(async move {
                    if let Some(handle) = handle {
                        let _ = handle.await;
                    }
                })
            }
            Wait::JoinSet => Box::pin(async {}),
            Wait::Nap => Box::pin(tokio::time::sleep(nap)),
            Wait::Hibernate => Box::pin(tokio::time::sleep(Duration::from_secs(100_000))),
            Wait::Never => Box::pin(std::future::pending()),
        }
    }

    fn spawn(&mut self, child: usize) {
        let Some(task) = self.children.remove(&child) else {
            return;
        };
        let Task { spawned, owned } = Task::of(&self.run.program, child);
        let builder = if owned {
            Builder::new().name(self.run.program.name(child, self.run.number))
        } else {
            Builder::new().name(STATIC_NAMES[child])
        };
        let handle = match spawned {
            Spawned::Plainly => builder.spawn(task.go()),
            Spawned::Background => builder.background().spawn(task.go()),
            Spawned::Local => builder.spawn_local(task.go()),
            Spawned::Blocking => builder.spawn_blocking(move || task.go_blocking()),
            Spawned::Marked => {
                let name = self.run.program.name(child, self.run.number);
                tokio::spawn(task.go().tracked_as(name))
            }
            Spawned::Untracked => tokio::spawn(task.go()),
            Spawned::Set => {
                let mut dropped_set = JoinSet::new();
                let set = self.set.as_mut().unwrap_or(&mut dropped_set);
                let abort = builder.spawn_into(set, task.go());
                self.run.aborts.lock().unwrap().push(abort.clone());
                self.aborts.insert(child, abort);
                return;
            }
        };
        let abort = handle.abort_handle();
        self.run.aborts.lock().unwrap().push(abort.clone());
        self.aborts.insert(child, abort);
        self.handles.insert(child, handle);
    }
}

/// How a task is spawned.
struct Task {
    spawned: Spawned,
    owned: bool,
}

impl Task {
    fn of(program: &Program, task: usize) -> Self {
        let task = &program.tasks[task];
        Self {
            spawned: task.spawned,
            owned: task.owned_name,
        }
    }
}
