//! Ways to be stuck, each with what would help.

use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::{Arc, Mutex as StdMutex};
use taskleak::spawn;
use taskleak::task::JoinSet;
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use tokio_util::sync::CancellationToken;

/// Ends the tasks, when it is called, by what it has; dropped, it leaves them.
pub type Help = Box<dyn FnOnce() + Send>;

/// Spawns tasks that are stuck unless somebody uses the help; how many of them.
pub type Shape = (&'static str, usize, fn() -> Help);

/// Every one.
pub const SHAPES: &[Shape] = &[
    ("a notification", 1, notification),
    ("a notification to several", 3, notifications),
    ("its own sender", 1, own_sender),
    (
        "its own sender, which it can be given again",
        1,
        weak_sender,
    ),
    ("a hub that has the senders", 2, hub),
    ("a hub that can be owned again", 2, weak_hub),
    ("senders in collections", 1, collections),
    ("a trait object that has the sender", 1, dyn_hub),
    ("a semaphore", 1, semaphore),
    ("permits that were taken", 2, pool),
    ("a barrier", 2, barrier),
    ("a watched value", 1, watched),
    (
        "a watched value that several may send",
        2,
        watched_by_several,
    ),
    ("a receiver's end", 1, closed),
    ("a oneshot channel in a shared state", 1, oneshot_in_state),
    (
        "a lock whose guard is called as the lock was",
        1,
        shadowed_guard,
    ),
    ("a lock behind a condition", 2, lock_and_notification),
    ("a read-write lock", 1, read_write_lock),
    ("an initialisation", 2, once_cell),
    ("the end of one that waits for a notification", 2, join),
    ("the ends of a set of those", 3, join_set),
    ("a cancellation", 1, cancellation),
    ("an abort", 2, abort),
    ("something within itself", 1, within_itself),
    (
        "a sender in a message that nobody receives",
        1,
        sender_in_a_message,
    ),
    ("an answer to a request in a queue", 2, request_in_a_queue),
    ("senders in many messages", 1, senders_in_many_messages),
    ("a sender that was sent and not taken", 1, sender_not_taken),
    ("a sender in a watched value", 1, sender_in_a_watched_value),
    ("a broadcast of its own", 2, broadcasts),
    ("a broadcast that can be had again", 1, weak_broadcast),
    ("room in a channel full of messages", 1, full_of_messages),
    ("senders in a tree", 1, tree),
    ("futures in an unordered set", 1, unordered),
    ("futures in a buffered stream", 1, buffered),
    ("a lock behind an unordered set", 2, lock_behind_unordered),
];

fn notification() -> Help {
    let notify = Arc::new(Notify::new());
    let help = notify.clone();
    spawn(async move { notify.notified().await });
    Box::new(move || help.notify_one())
}

fn notifications() -> Help {
    async fn reader(state: Arc<(u64, Notify)>) {
        state.1.notified().await;
    }
    let state = Arc::new((0, Notify::new()));
    for _ in 0..3 {
        spawn(reader(state.clone()));
    }
    Box::new(move || state.1.notify_waiters())
}

fn own_sender() -> Help {
    async fn actor(to_itself: mpsc::Sender<()>, mut messages: mpsc::Receiver<()>) {
        messages.recv().await;
        drop(to_itself);
    }
    let (sender, messages) = mpsc::channel(1);
    spawn(actor(sender.clone(), messages));
    Box::new(move || sender.try_send(()).unwrap())
}

fn weak_sender() -> Help {
    async fn actor(
        to_itself: mpsc::UnboundedSender<()>,
        mut messages: mpsc::UnboundedReceiver<()>,
    ) {
        messages.recv().await;
        drop(to_itself);
    }
    let (sender, messages) = mpsc::unbounded_channel();
    let weak = sender.downgrade();
    spawn(actor(sender, messages));
    Box::new(move || weak.upgrade().unwrap().send(()).unwrap())
}

#[derive(Default)]
struct Hub(StdMutex<Vec<mpsc::UnboundedSender<()>>>);

impl Hub {
    async fn room(self: Arc<Self>) {
        let (sender, mut messages) = mpsc::unbounded_channel();
        self.0.lock().unwrap().push(sender);
        messages.recv().await;
        drop(self);
    }

    fn tell_all(&self) {
        for room in &*self.0.lock().unwrap() {
            room.send(()).unwrap();
        }
    }
}

fn hub() -> Help {
    let hub = Arc::new(Hub::default());
    for _ in 0..2 {
        spawn(hub.clone().room());
    }
    Box::new(move || hub.tell_all())
}

fn weak_hub() -> Help {
    let hub = Arc::new(Hub::default());
    let weak = Arc::downgrade(&hub);
    for _ in 0..2 {
        spawn(hub.clone().room());
    }
    Box::new(move || weak.upgrade().unwrap().tell_all())
}

type Pending = HashMap<u32, VecDeque<mpsc::Sender<()>>>;

fn collections() -> Help {
    async fn client(pending: Arc<StdMutex<Pending>>) {
        let (sender, mut answers) = mpsc::channel(1);
        pending
            .lock()
            .unwrap()
            .entry(7)
            .or_default()
            .push_back(sender);
        answers.recv().await;
        drop(pending);
    }
    let pending: Arc<StdMutex<Pending>> = Arc::default();
    spawn(client(pending.clone()));
    Box::new(move || pending.lock().unwrap().clear())
}

trait Plugin: Send + Sync {
    fn stop(&self);
}

impl Plugin for Hub {
    fn stop(&self) {
        self.tell_all();
    }
}

fn dyn_hub() -> Help {
    async fn room(plugin: Arc<dyn Plugin>, mut messages: mpsc::UnboundedReceiver<()>) {
        messages.recv().await;
        drop(plugin);
    }
    let (sender, messages) = mpsc::unbounded_channel();
    let plugin: Arc<dyn Plugin> = Arc::new(Hub(StdMutex::new(vec![sender])));
    spawn(room(plugin.clone(), messages));
    Box::new(move || plugin.stop())
}

fn semaphore() -> Help {
    let semaphore = Arc::new(Semaphore::new(0));
    let help = semaphore.clone();
    spawn(async move { drop(semaphore.acquire().await) });
    Box::new(move || help.add_permits(1))
}

fn pool() -> Help {
    async fn worker(pool: Arc<Semaphore>) {
        let one = pool.clone().acquire_owned().await;
        // Until the other has one too.
        while pool.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let another = pool.acquire().await;
        drop((one, another));
    }
    let pool = Arc::new(Semaphore::new(2));
    let taken = pool.clone().try_acquire_owned();
    drop(taken);
    for _ in 0..2 {
        spawn(worker(pool.clone()));
    }
    Box::new(move || pool.add_permits(1))
}

fn barrier() -> Help {
    async fn party(start: Arc<Barrier>) {
        start.wait().await;
    }
    let start = Arc::new(Barrier::new(3));
    for _ in 0..2 {
        spawn(party(start.clone()));
    }
    // The third party.
    Box::new(move || drop(tokio::spawn(party(start))))
}

fn watched() -> Help {
    struct State(watch::Sender<u32>);
    async fn waiter(state: Arc<State>) {
        let mut values = state.0.subscribe();
        _ = values.changed().await;
    }
    let state = Arc::new(State(watch::Sender::new(0)));
    spawn(waiter(state.clone()));
    Box::new(move || _ = state.0.send_replace(1))
}

fn watched_by_several() -> Help {
    async fn peer(sender: watch::Sender<u32>) {
        let mut values = sender.subscribe();
        _ = values.wait_for(|value| *value > 0).await;
        sender.send_replace(2);
    }
    let sender = watch::Sender::new(0);
    for _ in 0..2 {
        spawn(peer(sender.clone()));
    }
    // Who only watches helps nobody.
    let watches = sender.subscribe();
    Box::new(move || {
        sender.send_replace(1);
        drop(watches);
    })
}

fn closed() -> Help {
    async fn conversion(messages: Arc<StdMutex<mpsc::Receiver<()>>>, sender: mpsc::Sender<()>) {
        sender.closed().await;
        drop(messages);
    }
    let (sender, messages) = mpsc::channel(1);
    let messages = Arc::new(StdMutex::new(messages));
    spawn(conversion(messages.clone(), sender));
    Box::new(move || messages.lock().unwrap().close())
}

fn oneshot_in_state() -> Help {
    #[derive(Default)]
    struct State(StdMutex<Option<oneshot::Sender<()>>>);
    async fn call(state: Arc<State>) {
        let (sender, answer) = oneshot::channel();
        *state.0.lock().unwrap() = Some(sender);
        _ = answer.await;
        drop(state);
    }
    let state = Arc::new(State::default());
    spawn(call(state.clone()));
    Box::new(move || drop(state.0.lock().unwrap().take()))
}

fn shadowed_guard() -> Help {
    async fn update(state: Arc<(Mutex<u32>, Notify)>) {
        let changed = state.clone();
        let mut state = state.0.lock().await;
        *state += 1;
        changed.1.notified().await;
    }
    let state = Arc::new((Mutex::new(0), Notify::new()));
    spawn(update(state.clone()));
    Box::new(move || state.1.notify_one())
}

fn lock_and_notification() -> Help {
    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        changed: Notify,
    }
    async fn follower(gate: Arc<Gate>) {
        let open = gate.open.lock().await;
        if !*open {
            gate.changed.notified().await;
        }
    }
    async fn opener(gate: Arc<Gate>) {
        *gate.open.lock().await = true;
        gate.changed.notify_one();
    }
    let gate = Arc::new(Gate::default());
    spawn(follower(gate.clone()));
    // It needs the lock first.
    let then = gate.clone();
    spawn(async move {
        while then.open.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        opener(then).await;
    });
    Box::new(move || gate.changed.notify_one())
}

fn read_write_lock() -> Help {
    async fn upgrade(lock: Arc<RwLock<u32>>) {
        let read = lock.read().await;
        let value = *read;
        *lock.write().await = value;
    }
    // Nothing but the end of the program helps it: a guard that is in the task itself.
    let lock = Arc::new(RwLock::new(0));
    let notify = Arc::new(Notify::new());
    let help = notify.clone();
    spawn(async move {
        tokio::select! {
            () = upgrade(lock) => {}
            () = notify.notified() => {}
        }
    });
    Box::new(move || help.notify_one())
}

fn once_cell() -> Help {
    #[derive(Default)]
    struct Lazy {
        cell: OnceCell<u32>,
        loaded: Notify,
    }
    async fn get(lazy: Arc<Lazy>) {
        lazy.cell
            .get_or_init(|| async {
                lazy.loaded.notified().await;
                1
            })
            .await;
    }
    let lazy = Arc::new(Lazy::default());
    for _ in 0..2 {
        spawn(get(lazy.clone()));
    }
    Box::new(move || lazy.loaded.notify_one())
}

fn join() -> Help {
    let notify = Arc::new(Notify::new());
    let help = notify.clone();
    let waiter = spawn(async move { notify.notified().await });
    spawn(async move { drop(waiter.await) });
    Box::new(move || help.notify_one())
}

fn join_set() -> Help {
    async fn server(stop: Arc<Notify>) {
        let mut set = JoinSet::new();
        for _ in 0..2 {
            let stop = stop.clone();
            set.spawn(async move { stop.notified().await });
        }
        drop(stop);
        while set.join_next().await.is_some() {}
    }
    let stop = Arc::new(Notify::new());
    spawn(server(stop.clone()));
    Box::new(move || stop.notify_waiters())
}

fn cancellation() -> Help {
    let root = CancellationToken::new();
    let token = root.child_token();
    spawn(async move { token.cancelled().await });
    Box::new(move || root.cancel())
}

fn abort() -> Help {
    let notify = Arc::new(Notify::new());
    let waiter = spawn(async move { notify.notified().await });
    let (own, abort) = (waiter.abort_handle(), waiter.abort_handle());
    spawn(async move {
        _ = waiter.await;
        own.abort();
    });
    Box::new(move || abort.abort())
}

fn within_itself() -> Help {
    let (give, given) = oneshot::channel::<()>();
    let outside = Arc::new(StdMutex::new(Some(give)));
    let help = outside.clone();
    spawn(async move {
        let local = Rc::new(());
        drop(local);
        let semaphore = Semaphore::new(0);
        let notify = Box::new(Notify::new());
        let one = async { drop(semaphore.acquire().await) };
        let another = notify.notified();
        tokio::pin!(one);
        tokio::select! {
            () = one => {}
            () = another => {}
            _ = given => {}
        }
        drop(outside);
    });
    Box::new(move || drop(help.lock().unwrap().take()))
}

/// Waits for a message, and keeps the queue as it is.
async fn keeps<T>(queue: mpsc::Receiver<T>, mut messages: mpsc::Receiver<()>) {
    messages.recv().await;
    drop(queue);
}

fn sender_in_a_message() -> Help {
    let (sender, messages) = mpsc::channel(1);
    let (put, queue) = mpsc::channel(1);
    put.try_send(sender.clone()).unwrap();
    spawn(keeps(queue, messages));
    Box::new(move || sender.try_send(()).unwrap())
}

fn request_in_a_queue() -> Help {
    async fn client(server: mpsc::Sender<oneshot::Sender<u32>>) {
        let (answers, answer) = oneshot::channel();
        server.send(answers).await.unwrap();
        _ = answer.await;
    }
    async fn server(mut requests: mpsc::Receiver<oneshot::Sender<u32>>, ready: Arc<Notify>) {
        ready.notified().await;
        while let Some(answer) = requests.recv().await {
            _ = answer.send(17);
        }
    }
    let (sender, requests) = mpsc::channel(4);
    let ready = Arc::new(Notify::new());
    spawn(server(requests, ready.clone()));
    spawn(client(sender));
    Box::new(move || ready.notify_one())
}

/// In more than one block, of which the first has been read in part.
fn senders_in_many_messages() -> Help {
    let (sender, messages) = mpsc::channel(1);
    let (put, mut queue) = mpsc::channel(64);
    for _ in 0..40 {
        put.try_send(sender.clone()).unwrap();
    }
    for _ in 0..7 {
        drop(queue.try_recv().unwrap());
    }
    spawn(keeps(queue, messages));
    Box::new(move || sender.try_send(()).unwrap())
}

fn sender_not_taken() -> Help {
    async fn waits(to_come: oneshot::Receiver<mpsc::Sender<()>>, mut messages: mpsc::Receiver<()>) {
        messages.recv().await;
        drop(to_come);
    }
    let (sender, messages) = mpsc::channel(1);
    let (give, to_come) = oneshot::channel();
    give.send(sender.clone()).unwrap();
    spawn(waits(to_come, messages));
    Box::new(move || sender.try_send(()).unwrap())
}

fn sender_in_a_watched_value() -> Help {
    type Current = Option<mpsc::Sender<()>>;
    async fn waits(current: watch::Receiver<Current>, mut messages: mpsc::Receiver<()>) {
        messages.recv().await;
        drop(current);
    }
    let (sender, messages) = mpsc::channel(1);
    let (current, watched) = watch::channel(Some(sender));
    spawn(waits(watched, messages));
    Box::new(move || drop(current.send_replace(None)))
}

fn broadcasts() -> Help {
    async fn member(all: broadcast::Sender<u32>) {
        let mut news = all.subscribe();
        _ = news.recv().await;
    }
    let all = broadcast::Sender::new(2);
    for _ in 0..2 {
        spawn(member(all.clone()));
    }
    Box::new(move || _ = all.send(1).unwrap())
}

fn weak_broadcast() -> Help {
    async fn member(all: broadcast::Sender<u32>) {
        let mut news = all.subscribe();
        _ = news.recv().await;
        drop(all);
    }
    let all = broadcast::Sender::new(2);
    let weak = all.downgrade();
    spawn(member(all));
    Box::new(move || _ = weak.upgrade().unwrap().send(1).unwrap())
}

fn full_of_messages() -> Help {
    async fn sends(queue: Arc<StdMutex<mpsc::Receiver<u32>>>, sender: mpsc::Sender<u32>) {
        sender.send(3).await.unwrap();
        drop(queue);
    }
    let (sender, queue) = mpsc::channel(2);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let queue = Arc::new(StdMutex::new(queue));
    spawn(sends(queue.clone(), sender));
    Box::new(move || assert_eq!(queue.lock().unwrap().try_recv(), Ok(1)))
}

type Routes = BTreeMap<String, (u64, mpsc::Sender<()>)>;

/// Of more nodes than one.
fn tree() -> Help {
    async fn client(routes: Arc<StdMutex<Routes>>) {
        let (sender, mut answers) = mpsc::channel(1);
        for number in 0..25 {
            let route = (number, sender.clone());
            routes.lock().unwrap().insert(number.to_string(), route);
        }
        drop(sender);
        answers.recv().await;
        drop(routes);
    }
    let routes: Arc<StdMutex<Routes>> = Arc::default();
    spawn(client(routes.clone()));
    Box::new(move || routes.lock().unwrap().clear())
}

fn unordered() -> Help {
    async fn waits_for_all(stop: Arc<Notify>) {
        let mut all: FuturesUnordered<_> = (0..3).map(|_| stop.notified()).collect();
        while all.next().await.is_some() {}
    }
    let stop = Arc::new(Notify::new());
    spawn(waits_for_all(stop.clone()));
    Box::new(move || stop.notify_waiters())
}

fn buffered() -> Help {
    async fn works(jobs: Arc<Semaphore>) {
        let work = |_| {
            let jobs = jobs.clone();
            async move { drop(jobs.acquire_owned().await) }
        };
        let work = futures::stream::iter(0..5).map(work);
        work.buffer_unordered(2).for_each(async |()| {}).await;
    }
    let jobs = Arc::new(Semaphore::new(0));
    spawn(works(jobs.clone()));
    Box::new(move || jobs.add_permits(1))
}

/// Each has what the other waits for.
fn lock_behind_unordered() -> Help {
    async fn locks(lock: Arc<Mutex<u32>>, then: Arc<Notify>) {
        let _locked = lock.lock().await;
        then.notified().await;
    }
    async fn wants(lock: Arc<Mutex<u32>>, then: Arc<Notify>) {
        while lock.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let all: FuturesUnordered<_> = [lock.lock(), lock.lock()].into_iter().collect();
        all.for_each(async |locked| drop(locked)).await;
        then.notify_one();
    }
    let (lock, then) = (Arc::<Mutex<u32>>::default(), Arc::<Notify>::default());
    spawn(locks(lock.clone(), then.clone()));
    spawn(wants(lock, then.clone()));
    Box::new(move || then.notify_one())
}
