//! The handles themselves.

use super::program::{Kind, Op, Owner, Program};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, Weak};
use tokio::sync::{
    Mutex, Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot,
    watch,
};
use tokio::task::{AbortHandle, JoinHandle};

#[allow(dead_code, reason = "some are but kept")]
pub enum Real {
    Mutex(Arc<Mutex<()>>),
    Semaphore(Arc<Semaphore>),
    Notify(Arc<Notify>),
    Sender(mpsc::Sender<Message>),
    WeakSender(mpsc::WeakSender<Message>),
    /// And what it has received.
    Receiver(mpsc::Receiver<Message>, Reals),
    OneshotSender(oneshot::Sender<()>),
    OneshotReceiver(oneshot::Receiver<()>),
    WatchSender(watch::Sender<()>),
    WatchReceiver(watch::Receiver<()>),
    BroadcastSender(broadcast::Sender<()>),
    BroadcastReceiver(broadcast::Receiver<()>),
    Bag(Arc<Bag>),
    WeakBag(Weak<Bag>),
    Guard(OwnedMutexGuard<()>),
    Permit(OwnedSemaphorePermit),
    Abort(AbortHandle),
    Join(JoinHandle<()>),
}

/// A handle that is sent, with its number, or none.
pub type Message = Option<(usize, Real)>;

/// Handles that all who have the bag share.
#[derive(Default)]
#[allow(dead_code, reason = "they are but kept")]
pub struct Bag(StdMutex<(Vec<Real>, BTreeMap<usize, Real>)>);

/// Handles with their numbers.
pub type Reals = Vec<(usize, Real)>;

/// Makes all handles: those of each task, and those outside.
pub fn make(program: &Program, joins: Vec<JoinHandle<()>>) -> (Vec<Reals>, Reals) {
    let mut made = Maker::new(program);
    let aborts: Vec<_> = joins.iter().map(JoinHandle::abort_handle).collect();
    let mut joins: Vec<_> = joins.into_iter().map(Some).collect();
    let mut tasks: Vec<Reals> = program.tasks.iter().map(|_| Vec::new()).collect();
    let mut outside = Vec::new();
    for (number, handle) in program.handles.iter().enumerate() {
        let real = match handle.kind {
            Kind::Abort => Real::Abort(aborts[handle.object].clone()),
            Kind::Join => Real::Join(joins[handle.object].take().expect("one a task")),
            kind => made.make(kind, handle.object),
        };
        match handle.first {
            Owner::Task(task) => tasks[task].push((number, real)),
            Owner::Outside => outside.push((number, real)),
            Owner::Bag(bag) => {
                let (list, tree) = &mut *made.bags[bag].0.lock().unwrap();
                if number % 2 == 0 {
                    list.push(real);
                } else {
                    tree.insert(number, real);
                }
            }
            Owner::Message(_) | Owner::Nobody => {}
        }
    }
    (tasks, outside)
}

type Channel = (mpsc::Sender<Message>, Option<mpsc::Receiver<Message>>);
type Oneshot = (Option<oneshot::Sender<()>>, Option<oneshot::Receiver<()>>);

struct Maker {
    bags: Vec<Arc<Bag>>,
    mutexes: Vec<Arc<Mutex<()>>>,
    semaphores: Vec<Arc<Semaphore>>,
    notifies: Vec<Arc<Notify>>,
    channels: Vec<Channel>,
    oneshots: Vec<Oneshot>,
    watches: Vec<watch::Sender<()>>,
    broadcasts: Vec<broadcast::Sender<()>>,
}

impl Maker {
    fn new(program: &Program) -> Self {
        let count = program.handles.iter().map(|handle| handle.object + 1).max();
        let count = count.unwrap_or(0);
        let all = || 0..count;
        Self {
            bags: all().map(|_| Arc::default()).collect(),
            mutexes: all().map(|_| Arc::default()).collect(),
            semaphores: all().map(|_| Arc::new(Semaphore::new(1))).collect(),
            notifies: all().map(|_| Arc::default()).collect(),
            channels: all()
                .map(|channel| mpsc::channel(1 + channel % 3))
                .map(|(sender, receiver)| (sender, Some(receiver)))
                .collect(),
            oneshots: all()
                .map(|_| oneshot::channel())
                .map(|(sender, receiver)| (Some(sender), Some(receiver)))
                .collect(),
            watches: all().map(|_| watch::Sender::new(())).collect(),
            broadcasts: all().map(|_| broadcast::Sender::new(2)).collect(),
        }
    }

    fn make(&mut self, kind: Kind, object: usize) -> Real {
        match kind {
            Kind::Mutex => Real::Mutex(self.mutexes[object].clone()),
            Kind::Semaphore => Real::Semaphore(self.semaphores[object].clone()),
            Kind::Notify => Real::Notify(self.notifies[object].clone()),
            Kind::Sender => Real::Sender(self.channels[object].0.clone()),
            Kind::WeakSender => Real::WeakSender(self.channels[object].0.downgrade()),
            Kind::Receiver => {
                let receiver = self.channels[object].1.take().expect("but one");
                Real::Receiver(receiver, Vec::new())
            }
            Kind::OneshotSender => {
                Real::OneshotSender(self.oneshots[object].0.take().expect("but one"))
            }
            Kind::OneshotReceiver => {
                Real::OneshotReceiver(self.oneshots[object].1.take().expect("but one"))
            }
            Kind::WatchSender => Real::WatchSender(self.watches[object].clone()),
            Kind::WatchReceiver => Real::WatchReceiver(self.watches[object].subscribe()),
            Kind::BroadcastSender => Real::BroadcastSender(self.broadcasts[object].clone()),
            Kind::BroadcastReceiver => Real::BroadcastReceiver(self.broadcasts[object].subscribe()),
            Kind::Bag => Real::Bag(self.bags[object].clone()),
            Kind::WeakBag => Real::WeakBag(Arc::downgrade(&self.bags[object])),
            Kind::Guard => {
                let mutex = self.mutexes[object].clone();
                Real::Guard(mutex.try_lock_owned().expect("but one"))
            }
            Kind::Permit => {
                let semaphore = self.semaphores[object].clone();
                Real::Permit(semaphore.try_acquire_owned().expect("but one"))
            }
            Kind::Abort | Kind::Join => unreachable!("made by their tasks"),
        }
    }
}

impl Real {
    /// Does what can be done at once; whether the handle is used up by it.
    pub fn use_it(&mut self) -> bool {
        match self {
            Self::Sender(sender) => _ = sender.try_send(None),
            Self::Receiver(receiver, received) => {
                received.extend(receiver.try_recv().ok().flatten());
            }
            Self::BroadcastSender(sender) => _ = sender.send(()),
            Self::BroadcastReceiver(receiver) => _ = receiver.try_recv(),
            Self::Notify(notify) => notify.notify_one(),
            Self::WatchSender(sender) => sender.send_replace(()),
            Self::OneshotSender(_) | Self::Guard(_) | Self::Permit(_) => return true,
            _ => {}
        }
        false
    }

    /// What was received by it since the last time.
    pub fn received(&mut self) -> Reals {
        match self {
            Self::Receiver(_, received) => std::mem::take(received),
            _ => Vec::new(),
        }
    }

    /// Sends it through this one; gives it back if there is no way.
    pub fn put(&self, number: usize, real: Self) -> Result<(), Self> {
        let Self::Sender(sender) = self else {
            return Err(real);
        };
        sender.try_send(Some((number, real))).map_err(|refused| {
            let (_, real) = refused.into_inner().expect("it was sent");
            real
        })
    }

    /// Waits for what it gives, which is a handle itself for locks and semaphores.
    pub async fn wait(&mut self) -> Option<Self> {
        match self {
            Self::Mutex(mutex) => return Some(Self::Guard(mutex.clone().lock_owned().await)),
            Self::Semaphore(semaphore) => {
                let permit = semaphore.clone().acquire_owned().await;
                return permit.ok().map(Self::Permit);
            }
            Self::Notify(notify) => notify.notified().await,
            Self::Sender(sender) => _ = sender.send(None).await,
            Self::Receiver(receiver, received) => received.extend(receiver.recv().await.flatten()),
            Self::BroadcastReceiver(receiver) => _ = receiver.recv().await,
            Self::OneshotReceiver(receiver) => _ = receiver.await,
            Self::WatchSender(sender) => sender.closed().await,
            Self::WatchReceiver(receiver) => _ = receiver.changed().await,
            Self::Join(join) => _ = join.await,
            _ => {}
        }
        None
    }

    /// Whether it can be waited with again.
    pub fn lasts(&self) -> bool {
        !matches!(self, Self::OneshotReceiver(_) | Self::Join(_))
    }
}

/// In a function of its own, which owns the handle.
pub async fn wait_moved(mut real: Real) -> (Real, Option<Real>) {
    let given = real.wait().await;
    (real, given)
}

/// Whether it is an op on that handle.
pub fn is_on(op: Op, handle: usize) -> bool {
    match op {
        Op::Use(on) | Op::Drop(on) | Op::Wait(on, _) => on == handle,
        Op::Select(one, two) | Op::Put(one, two) => one == handle || two == handle,
        Op::Yield | Op::Never => false,
    }
}
