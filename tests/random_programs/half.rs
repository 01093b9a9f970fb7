//! The ends of tokio's channels and locks, behind one type.

use super::program::{Kind, Program, Role};
use std::sync::Arc;
use tokio::sync::{
    Mutex, Notify, OwnedMutexGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore,
    mpsc, oneshot, watch,
};

pub enum LiveHalf {
    OneshotSender(oneshot::Sender<()>),
    OneshotReceiver(oneshot::Receiver<()>),
    UnboundedSender(mpsc::UnboundedSender<()>),
    UnboundedReceiver(mpsc::UnboundedReceiver<()>),
    BoundedSender(mpsc::Sender<()>),
    BoundedReceiver(mpsc::Receiver<()>),
    WatchSender(watch::Sender<()>),
    WatchReceiver(watch::Receiver<()>),
    Notify(Arc<Notify>),
    Mutex(Arc<Mutex<()>>),
    RwLock(Arc<RwLock<()>>, bool),
    Semaphore(Arc<Semaphore>),
    HeldMutex(#[allow(dead_code, reason = "held, not read")] OwnedMutexGuard<()>),
    HeldRwLock(#[allow(dead_code, reason = "held, not read")] OwnedRwLockWriteGuard<()>),
    HeldSemaphore(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit),
}

/// Makes all halves of a program.
pub fn make(program: &Program) -> Vec<LiveHalf> {
    let mut made: Vec<Option<LiveHalf>> = program.halves.iter().map(|_| None).collect();
    for (object, kind) in program.objects.iter().enumerate() {
        let of = |role| {
            let halves = program.halves.iter().enumerate();
            let halves = halves.filter(move |(_, h)| h.object == object && h.role == role);
            halves.map(|(number, _)| number).collect::<Vec<_>>()
        };
        make_object(*kind, &of(Role::Giver), &of(Role::Taker), &mut made);
    }
    made.into_iter()
        .map(|half| half.expect("every half is of an object"))
        .collect()
}

fn make_object(kind: Kind, givers: &[usize], takers: &[usize], made: &mut [Option<LiveHalf>]) {
    let mut put = |at: usize, half| made[at] = Some(half);
    match kind {
        Kind::Oneshot => {
            let (sender, receiver) = oneshot::channel();
            if let Some(giver) = givers.first() {
                put(*giver, LiveHalf::OneshotSender(sender));
            }
            if let Some(taker) = takers.first() {
                put(*taker, LiveHalf::OneshotReceiver(receiver));
            }
        }
        Kind::Unbounded => {
            let (sender, receiver) = mpsc::unbounded_channel();
            for giver in givers {
                put(*giver, LiveHalf::UnboundedSender(sender.clone()));
            }
            if let Some(taker) = takers.first() {
                put(*taker, LiveHalf::UnboundedReceiver(receiver));
            }
        }
        Kind::Bounded(capacity) => {
            let (sender, receiver) = mpsc::channel(capacity);
            if let Some(giver) = givers.first() {
                put(*giver, LiveHalf::BoundedSender(sender));
            }
            if let Some(taker) = takers.first() {
                put(*taker, LiveHalf::BoundedReceiver(receiver));
            }
        }
        Kind::Watch => {
            let (sender, receiver) = watch::channel(());
            for taker in takers {
                put(*taker, LiveHalf::WatchReceiver(receiver.clone()));
            }
            if let Some(giver) = givers.first() {
                put(*giver, LiveHalf::WatchSender(sender));
            }
        }
        Kind::Notify => {
            let notify = Arc::new(Notify::new());
            for half in givers.iter().chain(takers) {
                put(*half, LiveHalf::Notify(notify.clone()));
            }
        }
        Kind::Mutex => {
            let mutex = Arc::new(Mutex::new(()));
            for giver in givers {
                let held = mutex.clone().try_lock_owned().expect("it is new");
                put(*giver, LiveHalf::HeldMutex(held));
            }
            for taker in takers {
                put(*taker, LiveHalf::Mutex(mutex.clone()));
            }
        }
        Kind::RwLock => {
            let lock = Arc::new(RwLock::new(()));
            for giver in givers {
                let held = lock.clone().try_write_owned().expect("it is new");
                put(*giver, LiveHalf::HeldRwLock(held));
            }
            for taker in takers {
                put(*taker, LiveHalf::RwLock(lock.clone(), taker % 2 == 0));
            }
        }
        Kind::Semaphore => {
            let semaphore = Arc::new(Semaphore::new(2));
            for giver in givers {
                let held = semaphore.clone().try_acquire_many_owned(2);
                put(*giver, LiveHalf::HeldSemaphore(held.expect("it is new")));
            }
            for taker in takers {
                put(*taker, LiveHalf::Semaphore(semaphore.clone()));
            }
        }
    }
}

impl LiveHalf {
    /// Gives a signal; false if the half is spent by that.
    pub async fn give(&mut self) {
        match self {
            Self::UnboundedSender(sender) => drop(sender.send(())),
            Self::BoundedSender(sender) => drop(sender.send(()).await),
            Self::WatchSender(sender) => drop(sender.send(())),
            Self::Notify(notify) => notify.notify_one(),
            _ => {}
        }
    }

    /// Whether giving or taking once uses the half up.
    pub fn is_used_up_by_use(&self) -> bool {
        matches!(
            self,
            Self::OneshotSender(_)
                | Self::OneshotReceiver(_)
                | Self::HeldMutex(_)
                | Self::HeldRwLock(_)
                | Self::HeldSemaphore(_)
        )
    }

    /// The last use of such a half.
    pub fn spend(self) {
        if let Self::OneshotSender(sender) = self {
            let _ = sender.send(());
        }
    }

    /// Takes a signal, or the lock for a moment.
    pub async fn take(&mut self) {
        match self {
            Self::OneshotReceiver(receiver) => drop(receiver.await),
            Self::UnboundedReceiver(receiver) => drop(receiver.recv().await),
            Self::BoundedReceiver(receiver) => drop(receiver.recv().await),
            Self::WatchReceiver(receiver) => drop(receiver.changed().await),
            Self::Notify(notify) => notify.notified().await,
            Self::Mutex(mutex) => {
                let _held = mutex.lock().await;
                tokio::task::yield_now().await;
            }
            Self::RwLock(lock, true) => {
                let _held = lock.read().await;
                tokio::task::yield_now().await;
            }
            Self::RwLock(lock, false) => {
                let _held = lock.write().await;
                tokio::task::yield_now().await;
            }
            Self::Semaphore(semaphore) => {
                let _held = semaphore.acquire().await;
                tokio::task::yield_now().await;
            }
            _ => {}
        }
    }
}
